// SPDX-License-Identifier: Apache-2.0
// Holds docs/reference.md to the program: what it generates is compared with the tables in there,
// and what stands only in the sources is looked for in both directions. With NAI_UPDATE=1 in the
// environment the generated tables are written anew instead.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>

#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

#include "app/exit_status.hpp"
#include "app/settings.hpp"
#include "support/reference.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace nai::app;
using nai::test::documented;
using nai::test::project_directory;
using nai::test::read_file;
using nai::util::ErrorKind;

std::string escaped(std::string_view text) {
  return std::regex_replace(std::string(text), std::regex(R"(\|)"), R"(\|)");
}

std::string code(std::string_view text) {
  return text.empty() ? std::string() : fmt::format("`{}`", escaped(text));
}

std::string settings_tables() {
  std::string text;
  std::optional<SettingGroup> group;
  for (const Setting& setting : settings()) {
    if (group != setting.group) {
      group = setting.group;
      text +=
          fmt::format("\n### {}\n\n| Variable | Flag | Default | Meaning |\n|---|---|---|---|\n",
                      title(setting.group));
    }
    const auto flag = setting.is_switch || setting.flag.empty()
                          ? std::string(setting.flag)
                          : fmt::format("{} {}", setting.flag, setting.value_name);
    text += fmt::format("| {} | {} | {} | {} |\n", code(setting.variable), code(flag),
                        code(setting.preset), escaped(setting.help));
  }
  return text + "\n";
}

std::string exit_table() {
  std::string text = "\n| Status | Name | First words of the reason |\n|--:|---|---|\n| 0 | | |\n";
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::interrupted); ++kind) {
    const nai::util::Error error(static_cast<ErrorKind>(kind), "CAUSE");
    const auto failure = describe_failure(error, 0);
    text += fmt::format("| {} | `{}` | {} |\n", failure.exit_status, name_of(failure.kind),
                        failure.text.substr(0, failure.text.find_first_of(":\n")));
  }
  text += "| 143 | `interrupted` | Interrupted |\n";
  return text + "\n";
}

// What stands between "<!-- NAME -->" and "<!-- end of NAME -->", and how to replace it.
void check_generated(const std::string& name, const std::string& wanted) {
  const auto path = project_directory() / "docs/reference.md";
  auto text = read_file(path);
  const auto opening = fmt::format("<!-- {} -->\n", name);
  const auto begin = text.find(opening);
  const auto end = text.find(fmt::format("<!-- end of {} -->", name));
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  const auto content = begin + opening.size();
  if (std::getenv("NAI_UPDATE") != nullptr) {
    std::ofstream(path) << text.replace(content, end - content, wanted);
    return;
  }
  CHECK(text.substr(content, end - content) == wanted);
}

// The call that begins at `begin`, up to its closing parenthesis.
std::string call_at(const std::string& source, std::size_t begin) {
  int depth = 0;
  for (auto at = source.find('(', begin); at < source.size(); ++at) {
    depth += source[at] == '(' ? 1 : source[at] == ')' ? -1 : 0;
    if (depth == 0) {
      return source.substr(begin, at - begin);
    }
  }
  return {};
}

// Every event of the log that the sources name, with the fields that the call itself gives.
std::map<std::string, std::set<std::string>> events_in_sources() {
  const std::regex call(
      R"re(\b(announce|progress|debug|info|warning|error|write)\(\s*(Level::\w+,\s*|util::Level::\w+,\s*)?"([a-z_]+)",)re");
  const std::regex field(R"re(\{\s*"([a-z_]+)",)re");
  std::map<std::string, std::set<std::string>> events;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(project_directory() / "src")) {
    if (entry.path().extension() != ".cpp") {
      continue;
    }
    const auto source = read_file(entry.path());
    for (std::sregex_iterator each(source.begin(), source.end(), call), none; each != none;
         ++each) {
      const auto text = call_at(source, static_cast<std::size_t>(each->position()));
      auto& fields = events[(*each)[3]];
      for (std::sregex_iterator f(text.begin(), text.end(), field); f != none; ++f) {
        fields.insert((*f)[1]);
      }
    }
  }
  return events;
}

}  // namespace

TEST_CASE("The reference tells every variable, flag and default", "[app][docs]") {
  check_generated("settings", settings_tables());
}

TEST_CASE("The reference tells every exit status", "[app][docs]") {
  check_generated("exit status", exit_table());
}

TEST_CASE("The reference tells every event of the log and its fields", "[app][docs]") {
  const auto in_reference = documented("Events");
  auto in_sources = events_in_sources();
  REQUIRE(in_sources.size() > 30);
  in_sources["failed"] = {"kind", "exit_status"};  // has a call of its own, Console::fail
  for (const auto& [event, fields] : in_sources) {
    INFO(event);
    const auto entry = in_reference.find(event);
    if (entry == in_reference.end()) {
      FAIL_CHECK("docs/reference.md lacks it");
      continue;
    }
    for (const auto& field : fields) {
      INFO(field);
      CHECK(entry->second.contains(field));
    }
  }
  for (const auto& [event, fields] : in_reference) {
    INFO(event);
    CHECK(in_sources.contains(event));
  }
}

TEST_CASE("Every message of the troubleshooting page is one that the program has", "[app][docs]") {
  std::string sources;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(project_directory() / "src")) {
    sources += entry.path().extension() == ".cpp" ? read_file(entry.path()) : "";
  }
  // Literals that go on in the next line.
  sources = std::regex_replace(sources, std::regex(R"("\n\s*")"), "");
  std::size_t messages = 0;
  const auto page = read_file(project_directory() / "docs/troubleshooting.md");
  for (const auto line : nai::util::split(page, '\n')) {
    if (!line.starts_with("| `")) {
      continue;
    }
    ++messages;
    std::string message(line.substr(3, line.find('`', 3) - 3));
    constexpr std::string_view k_dots = "…";
    for (auto at = message.find(k_dots); at != std::string::npos; at = message.find(k_dots)) {
      message.replace(at, k_dots.size(), "\n");
    }
    for (const auto part : nai::util::split(message, '\n')) {
      INFO(part);
      CHECK(sources.find(part) != std::string::npos);
    }
  }
  CHECK(messages > 20);
}
