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
#include <vector>

#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>

#include <nai/util/error.hpp>

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
    const auto failure = describe_failure(error);
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

std::vector<std::string> sources() {
  std::vector<std::string> texts;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(project_directory() / "src")) {
    if (entry.path().extension() == ".cpp") {
      texts.push_back(read_file(entry.path()));
    }
  }
  return texts;
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

std::set<std::string> fields_in(const std::string& text) {
  static const std::regex k_field(R"re((?:\{\s*|emplace_back\()"([a-z_]+)",)re");
  std::set<std::string> fields;
  for (std::sregex_iterator f(text.begin(), text.end(), k_field), none; f != none; ++f) {
    fields.insert((*f)[1]);
  }
  return fields;
}

// What the functions return that make the fields of several events, by their names.
std::map<std::string, std::set<std::string>> fields_of_functions() {
  static const std::regex k_definition(R"re(\nutil::Fields (\w+)\([^;{]*\{\n)re");
  std::map<std::string, std::set<std::string>> functions;
  for (const auto& source : sources()) {
    for (std::sregex_iterator f(source.begin(), source.end(), k_definition), none; f != none; ++f) {
      const auto begin = static_cast<std::size_t>(f->position());
      functions[(*f)[1]] = fields_in(source.substr(begin, source.find("\n}\n", begin) - begin));
    }
  }
  return functions;
}

// Every event of the log that the sources name, with its fields.
std::map<std::string, std::set<std::string>> events_in_sources() {
  const std::regex call(
      R"re(\b(announce|progress|debug|info|warning|error|write)\(\s*([^"();]*,\s*)?"([a-z_]+)",)re");
  const std::regex function(R"re(\b(\w+_fields|fields_of)\()re");
  auto functions = fields_of_functions();
  std::map<std::string, std::set<std::string>> events;
  for (const auto& source : sources()) {
    for (std::sregex_iterator each(source.begin(), source.end(), call), none; each != none;
         ++each) {
      const auto text = call_at(source, static_cast<std::size_t>(each->position()));
      auto& fields = events[(*each)[3]];
      fields.merge(fields_in(text));
      for (std::sregex_iterator f(text.begin(), text.end(), function); f != none; ++f) {
        const auto& more = functions[(*f)[1]];
        INFO(std::string((*f)[1]));
        CHECK_FALSE(more.empty());
        fields.insert(more.begin(), more.end());
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
    CHECK(entry->second == fields);
  }
  for (const auto& [event, fields] : in_reference) {
    INFO(event);
    CHECK(in_sources.contains(event));
  }
}
