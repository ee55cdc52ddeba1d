// SPDX-License-Identifier: Apache-2.0
#include "app/arguments.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

#include "app/commands/commands.hpp"
#include "app/settings.hpp"

namespace nai::app {

namespace {

[[noreturn]] void refuse_argument(const std::string& message) {
  throw util::Error(util::ErrorKind::usage, message);
}

std::string command_names() {
  std::string names;
  for (const Command& command : commands()) {
    names += fmt::format("{}{}", names.empty() ? "" : " or ", command.name);
  }
  return names;
}

// A stray word is shown only if it cannot be a token.
bool is_plain_word(std::string_view word) {
  constexpr std::size_t k_longest = 24;
  return word.size() <= k_longest && std::all_of(word.begin(), word.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
         });
}

[[noreturn]] void refuse_unknown(std::string_view word) {
  if (!word.starts_with('-')) {
    refuse_argument(is_plain_word(word)
                        ? fmt::format("unknown command \"{}\": expected {}", word, command_names())
                        : std::string("an argument that is neither a command nor an option"));
  }
  const auto name = util::printable(word.substr(0, word.find('=')), 64);
  if (util::contains_ignoring_case(name, "token") || util::contains_ignoring_case(name, "key")) {
    refuse_argument(
        fmt::format("unknown option {}: tokens are not taken as arguments, where other users "
                    "could read them; set HF_TOKEN or use --token-file",
                    name));
  }
  refuse_argument("unknown option " + name);
}

void check_repetition(const Arguments& arguments) {
  for (const Setting& setting : settings()) {
    const auto given = arguments.values.find(setting.flag);
    if (given != arguments.values.end() && given->second.size() > 1 && !setting.repeatable) {
      refuse_argument(fmt::format("{} is given more than once", setting.flag));
    }
  }
}

void add_flag(CLI::App& app, const Setting& setting, Arguments& result) {
  if (setting.is_switch) {
    app.add_flag(std::string(setting.flag))->each([&](const std::string& value) {
      if (value == "true") {
        result.values[setting.flag] = {value};
      }
    });
  } else if (!setting.flag.empty()) {
    app.add_option(std::string(setting.flag), result.values[setting.flag])->allow_extra_args(false);
  }
}

}  // namespace

Arguments parse_arguments(std::span<const char* const> arguments) {
  Arguments result;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  app.add_flag("-h,--help", result.help);
  app.add_flag("-V,--version", result.version);
  for (const Setting& setting : settings()) {
    add_flag(app, setting, result);
  }
  for (const Command& command : commands()) {
    auto* subcommand = app.add_subcommand(std::string(command.name));
    subcommand->fallthrough();
    subcommand->set_help_flag();
    subcommand->allow_extras();
    if (!command.operand.empty()) {
      subcommand->add_option("operand", result.operand);
    }
  }

  // CLI11 takes them in reverse.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::ParseError& error) {
    refuse_argument(util::printable(error.what(), 200));
  }
  if (const auto unknown = app.remaining(true); !unknown.empty()) {
    refuse_unknown(unknown.front());
  }
  for (const auto* subcommand : app.get_subcommands()) {
    if (!result.command.empty()) {
      refuse_argument(fmt::format("two commands, {} and {}: only one at a time", result.command,
                                  subcommand->get_name()));
    }
    result.command = subcommand->get_name();
  }
  check_repetition(result);
  return result;
}

}  // namespace nai::app
