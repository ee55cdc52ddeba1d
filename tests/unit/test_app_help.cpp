// SPDX-License-Identifier: Apache-2.0
#include "app/help.hpp"

#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <nai/util/text.hpp>

#include "app/commands/commands.hpp"
#include "app/settings.hpp"

namespace {

using namespace nai::app;
using Catch::Matchers::ContainsSubstring;

}  // namespace

TEST_CASE("The help page fits a terminal", "[app]") {
  const auto text = help_text();
  CHECK(text.ends_with('\n'));
  for (const auto line : nai::util::split(text, '\n')) {
    INFO(line);
    CHECK(line.size() < 100);
    CHECK_FALSE(line.ends_with(' '));
  }
}

TEST_CASE("The help page names every variable, flag, default and command", "[app]") {
  const auto text = help_text();
  for (const Setting& setting : settings()) {
    CHECK_THAT(text, ContainsSubstring(std::string(setting.variable)));
    CHECK_THAT(text, ContainsSubstring(std::string(setting.flag)));
    if (!setting.preset.empty()) {
      CHECK_THAT(text, ContainsSubstring("[" + std::string(setting.preset) + "]"));
    }
  }
  for (const Command& command : commands()) {
    CHECK_THAT(text, ContainsSubstring("\n  " + std::string(command.name) + " "));
  }
}

TEST_CASE("The version names the commit and the libraries", "[app]") {
  CHECK_THAT(version_text(), ContainsSubstring("nai-model-processor ") &&
                                 ContainsSubstring("(commit ") && ContainsSubstring("\nlibcurl/") &&
                                 ContainsSubstring(" OpenSSL/"));
}
