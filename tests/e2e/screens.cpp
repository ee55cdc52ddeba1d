// SPDX-License-Identifier: Apache-2.0
#include "e2e/screens.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <catch2/catch_test_macros.hpp>

#include "support/reference.hpp"

namespace nai::test {

namespace {

constexpr const char* k_introduction = R"(# Screens

What the program says, as it was on the screen: `scripts/screens` runs the static executable against the mock registry and writes this
page, and an end-to-end test runs the same and compares, but for digits and times. The volume is shown as `/data`, the mock's hosts as
`hub.example`, `cdn.example` and `registry.example`, the machine as `pod`. Logs have both streams in the order of their lines, as
`kubectl logs` shows them; the line `exit status` is ours.
)";

std::filesystem::path page_file() { return project_directory() / "docs/screens.md"; }

bool updating() { return std::getenv("NAI_UPDATE") != nullptr; }

// The text of a screen in the page; empty when there is none.
std::string screen_in(const std::string& page, const std::string& name) {
  const auto mark = page.find(fmt::format("<!-- screen: {} -->", name));
  if (mark == std::string::npos) {
    return {};
  }
  constexpr std::string_view k_open = "\n```text\n";
  const auto begin = page.find(k_open, mark) + k_open.size();
  return page.substr(begin, page.find("```\n", begin) - begin);
}

// Those screens in README.md that leave nothing out.
void update_readme(const std::string& page) {
  const auto path = project_directory() / "README.md";
  auto readme = read_file(path);
  static const std::regex k_mark("<!-- screen: ([a-z-]+) -->\n```text\n");
  std::string text;
  for (std::smatch mark; std::regex_search(readme, mark, k_mark);) {
    const auto begin = static_cast<std::size_t>(mark.position() + mark.length());
    const auto end = readme.find("```\n", begin);
    const auto shown = readme.substr(begin, end - begin);
    const bool is_whole = shown.find("\n...\n") == std::string::npos;
    text += readme.substr(0, begin) + (is_whole ? screen_in(page, mark[1]) : shown);
    readme.erase(0, end);
  }
  std::ofstream(path) << text + readme;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::string normalized_line(std::string line) {
  static const std::array<std::pair<std::regex, const char*>, 12> k_rules{{
      // Bars of any length.
      {std::regex(R"(\[=* *\])"), "[]"},
      // A wall clock, identifiers, digests.
      {std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"), "TIME"},
      {std::regex(R"([0-9a-f]{7,}([-;][0-9a-f-]+\b)*)"), "HEX"},
      {std::regex(R"(Root=1-HEX)"), "HEX"},
      // Durations and amounts.
      {std::regex(R"(\b\d+(d\d+h|h\d+m|m\d+s|m|s|ms)\b)"), "N s"},
      {std::regex(R"(\d+(\.\d+)?(e[+-]?\d+)?)"), "N"},
      {std::regex(R"(N ([kMGT]?B)(/s)?\b)"), "N B"},
      {std::regex(R"( +)"), " "},
      // Where this was built and where it runs.
      {std::regex(R"(\((HEX(-dirty)?|unknown)\))"), "(HEX)"},
      {std::regex(R"(volume: /data is on .*)"), "volume: /data is on a device"},
      // One or many.
      {std::regex(R"((retry|retries)( \([^)]*\))?)"), "retries"},
      {std::regex(R"(warnings\b)"), "warning"},
  }};
  for (const auto& [pattern, replacement] : k_rules) {
    line = std::regex_replace(line, pattern, replacement);
  }
  if (line.starts_with("Progress: N %")) {
    return "Progress: N %";
  }
  if (line.starts_with(R"({"time":"TIME","level":"info","event":"progress")")) {
    return "progress";
  }
  return line;
}

// What depends on the machine.
bool is_incidental(const std::string& line) {
  return line.find("connections instead of") != std::string::npos ||
         line.find("far slower than the others") != std::string::npos ||
         line.find("warning: volume: /data is no volume") != std::string::npos;
}

}  // namespace

std::string normalized(const std::string& text, bool any_order) {
  std::vector<std::string> lines;
  for (const auto& line : lines_of(text)) {
    auto normal = normalized_line(line);
    if (!is_incidental(normal) && (lines.empty() || lines.back() != normal)) {
      lines.push_back(std::move(normal));
    }
  }
  if (any_order) {
    const std::set<std::string> all(lines.begin(), lines.end());
    lines.assign(all.begin(), all.end());
  }
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

ScreensPage::ScreensPage() : m_text(k_introduction) {
  if (std::filesystem::exists(page_file())) {
    m_known = read_file(page_file());
  }
}

void ScreensPage::section(const std::string& title, const std::string& text) {
  m_text += fmt::format("\n## {}\n{}", title, text.empty() ? "" : "\n" + text + "\n");
}

void ScreensPage::add(const Entry& entry) {
  m_names.push_back(entry.name);
  m_text += fmt::format("\n### {}\n\n<!-- screen: {} -->\n```text\n$ {}\n{}```\n", entry.title,
                        entry.name, entry.command, entry.text);
  if (!updating()) {
    INFO("screen " << entry.name << "; if it is meant to look like this: scripts/screens");
    CHECK(normalized(screen_in(m_known, entry.name), entry.any_order) ==
          normalized("$ " + entry.command + "\n" + entry.text, entry.any_order));
  }
}

void ScreensPage::keep(const std::string& name, const std::string& title,
                       const std::string& command) {
  auto text = screen_in(m_known, name);
  text.erase(0, std::min(text.find('\n'), text.size()) + 1);
  m_names.push_back(name);
  m_text += fmt::format("\n### {}\n\n<!-- screen: {} -->\n```text\n$ {}\n{}```\n", title, name,
                        command, text);
}

void ScreensPage::finish() const {
  if (updating()) {
    std::ofstream(page_file()) << m_text;
    update_readme(m_text);
    return;
  }
  // Nothing on the page is invented.
  static const std::regex k_mark("<!-- screen: ([a-z-]+) -->");
  std::vector<std::string> known;
  for (std::sregex_iterator it(m_known.begin(), m_known.end(), k_mark), end; it != end; ++it) {
    known.push_back((*it)[1]);
  }
  CHECK(known == m_names);
}

void Places::add(std::string real, std::string shown) {
  m_places.emplace_back(std::move(real), std::move(shown));
}

std::string Places::apply(std::string text) const {
  for (const auto& [real, shown] : m_places) {
    for (auto at = text.find(real); at != std::string::npos; at = text.find(real, at)) {
      text.replace(at, real.size(), shown);
      at += shown.size();
    }
  }
  return text;
}

namespace {

std::string without_scheme(const std::string& url) { return url.substr(url.find("://") + 3); }

void add_machine(Places& places, const std::filesystem::path& mount) {
  places.add(mount.string(), "/data");
  places.add(mount.parent_path().string(), "/run");
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0') {
    places.add(host.data(), "pod");
  }
}

}  // namespace

Places places_of(const Job& job, const mock::Registry& registry) {
  Places places;
  places.add(without_scheme(registry.hub_url()), "hub.example");
  places.add(without_scheme(registry.cdn_url()), "cdn.example");
  places.add("127.0.0.1", "hub.example");
  places.add("127.0.0.2", "cdn.example");
  add_machine(places, job.mount());
  return places;
}

Places places_of(const NimJob& job, const mock::NimService& service) {
  Places places;
  places.add(service.host(), "registry.example");
  places.add(service.cdn_host(), "cdn.example");
  places.add("127.0.0.1", "registry.example");
  add_machine(places, job.mount());
  return places;
}

std::vector<std::string> command_line(const std::vector<std::string>& arguments) {
  const char* binary = std::getenv("NAI_BINARY");
  REQUIRE(binary != nullptr);
  std::vector<std::string> command{binary};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

Environment on_a_pipe(Environment environment) {
  environment["TERM"] = "dumb";
  return environment;
}

std::string log_of(TerminalProcess& process) {
  const int status = process.wait();
  CHECK(process.bytes().find('\x1b') == std::string::npos);
  std::string text;
  for (const char byte : process.bytes()) {
    if (byte != '\r') {
      text += byte;
    }
  }
  return fmt::format("{}exit status {}\n", text, status);
}

std::string log_of(const std::vector<std::string>& arguments, const Environment& environment) {
  TerminalProcess process(command_line(arguments), on_a_pipe(environment), {.columns = 9999});
  return log_of(process);
}

}  // namespace nai::test
