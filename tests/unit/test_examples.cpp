// SPDX-License-Identifier: Apache-2.0
// Holds what the pages tell people to type to the program: commands, flags, variables, scripts and
// files must exist, and the screens in README.md are those of docs/screens.md.
#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <nai/util/text.hpp>

#include "app/commands/commands.hpp"
#include "app/help.hpp"
#include "app/settings.hpp"
#include "support/reference.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace nai::app;
using nai::test::project_directory;
using nai::test::read_file;
using nai::util::split;

std::map<std::string, std::string> pages() {
  std::map<std::string, std::string> texts{{"--help", help_text()}};
  for (const char* path :
       {"README.md", "CONTRIBUTING.md", "src/README.md", "docs/reference.md",
        "docs/troubleshooting.md", "docs/faults.md", "docker/kubernetes/README.md"}) {
    texts[path] = read_file(project_directory() / path);
  }
  return texts;
}

const Setting* setting_of(std::string_view name) {
  const auto all = settings();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Setting& setting) {
    return !name.empty() && (setting.flag == name || setting.variable == name);
  });
  return found == all.end() ? nullptr : &*found;
}

bool is_command(std::string_view word) {
  const auto all = commands();
  return std::any_of(all.begin(), all.end(), [&](const Command& c) { return c.name == word; });
}

// The commands that a page shows: what follows the program's name up to the end of the line, the
// code or the pipe.
std::vector<std::string> calls_in(const std::string& page) {
  static const std::regex k_call(R"re(nai-model-processor((?: [^ `|#\n<]+)+))re");
  std::vector<std::string> calls;
  for (std::sregex_iterator it(page.begin(), page.end(), k_call), end; it != end; ++it) {
    calls.push_back((*it)[1]);
  }
  return calls;
}

// `words` begins with the command, if one is named.
void check_call(const std::string& call) {
  INFO("nai-model-processor" << call);
  const auto words = split(std::string_view(call).substr(1), ' ');
  const bool named = is_command(words.front());
  // Prose goes on with other words.
  if (!named && !words.front().starts_with("-")) {
    return;
  }
  const std::string command(named ? words.front() : commands().front().name);
  for (const auto word : words) {
    const auto flag = word.substr(0, word.find_first_of("=,.;:)"));
    if (!flag.starts_with("--") || flag == "--help" || flag == "--version") {
      continue;
    }
    INFO(flag);
    const Setting* setting = setting_of(flag);
    REQUIRE(setting != nullptr);
    const auto readers = split(setting->commands, ' ');
    CHECK((setting->commands.empty() ||
           std::find(readers.begin(), readers.end(), command) != readers.end()));
  }
}

// A screen that is made anew has other times and digits.
std::string without_digits(std::string_view text) {
  static const std::regex k_digits("[0-9a-f]{7,}|[0-9]+([.][0-9]+)?");
  return std::regex_replace(std::string(text), k_digits, "N");
}

}  // namespace

TEST_CASE("Every call of the program on a page has flags that its command takes", "[app][docs]") {
  std::size_t calls = 0;
  for (const auto& [name, text] : pages()) {
    INFO(name);
    for (const auto& call : calls_in(text)) {
      check_call(call);
      ++calls;
    }
  }
  CHECK(calls > 10);
}

TEST_CASE("Every variable that a call on a page sets is one that the program reads",
          "[app][docs]") {
  static const std::regex k_call(R"re(((?:[A-Z_]+=[^ `\n]* )+)nai-model-processor)re");
  static const std::regex k_variable(R"re(([A-Z_]+)=)re");
  std::size_t variables = 0;
  auto all = pages();
  all["docs/screens.md"] = read_file(project_directory() / "docs/screens.md");
  for (const auto& [name, text] : all) {
    for (std::sregex_iterator it(text.begin(), text.end(), k_call), end; it != end; ++it) {
      const std::string set = (*it)[1];
      for (std::sregex_iterator v(set.begin(), set.end(), k_variable); v != end; ++v) {
        INFO(name << ": " << (*v)[1]);
        CHECK(setting_of((*v)[1].str()) != nullptr);
        ++variables;
      }
    }
  }
  CHECK(variables > 10);
}

TEST_CASE("Every variable that the README tables is one of the program's", "[app][docs]") {
  const auto page = read_file(project_directory() / "README.md");
  const auto begin = page.find("\n## Configuration\n");
  REQUIRE(begin != std::string::npos);
  const auto section = page.substr(begin, page.find("\n## ", begin + 1) - begin);
  static const std::regex k_name(R"re(`(--[a-z-]+|[A-Z][A-Z0-9_]{3,})`)re");
  std::set<std::string_view> told;
  for (std::sregex_iterator it(section.begin(), section.end(), k_name), end; it != end; ++it) {
    const std::string name = (*it)[1];
    INFO(name);
    const Setting* setting = setting_of(name);
    CHECK((setting != nullptr || name == "--help"));
    if (setting != nullptr) {
      told.insert(setting->variable);
      told.insert(setting->flag);
    }
  }
  for (const Setting& setting : settings()) {
    INFO(setting.variable << " " << setting.flag);
    const bool by_variable = !setting.variable.empty() && told.contains(setting.variable);
    CHECK((by_variable || told.contains(setting.flag)));
  }
}

TEST_CASE("Every script and file that a page names exists", "[app][docs]") {
  static const std::regex k_path(
      R"re((?:`|\(|\n)((?:scripts|docs|src|docker|tests)/[\w./-]*[\w/]))re");
  std::size_t paths = 0;
  for (const auto& [name, text] : pages()) {
    for (std::sregex_iterator it(text.begin(), text.end(), k_path), end; it != end; ++it) {
      INFO(name << ": " << (*it)[1]);
      CHECK(std::filesystem::exists(project_directory() / std::string((*it)[1])));
      ++paths;
    }
  }
  CHECK(paths > 20);
}

// A screen in README.md may leave lines out, where it has a line of three dots.
TEST_CASE("The screens in the README are real", "[app][docs]") {
  const auto screens = [&](const char* path) {
    static const std::regex k_mark("<!-- screen: ([a-z-]+) -->\n```text\n");
    const auto page = read_file(project_directory() / path);
    std::map<std::string, std::string> found;
    for (std::sregex_iterator it(page.begin(), page.end(), k_mark), end; it != end; ++it) {
      const auto begin = static_cast<std::size_t>(it->position() + it->length());
      found[(*it)[1]] = without_digits(page.substr(begin, page.find("```\n", begin) - begin));
    }
    return found;
  };
  const auto real = screens("docs/screens.md");
  const auto shown = screens("README.md");
  CHECK(shown.size() > 5);
  for (const auto& [name, text] : shown) {
    INFO(name);
    REQUIRE(real.contains(name));
    std::size_t at = 0;
    for (const auto line : split(text, '\n')) {
      if (line.empty() || line == "...") {
        continue;
      }
      INFO(line);
      const auto found = real.at(name).find(std::string(line) + "\n", at);
      REQUIRE(found != std::string::npos);
      at = found + line.size();
    }
  }
}
