// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nai::app {

// The command line, taken apart but not interpreted.
struct Arguments {
  std::string command;  // empty: none was given
  bool help = false;
  bool version = false;
  std::string operand = {};  // the command's; empty: none was given
  std::map<std::string_view, std::vector<std::string>> values = {};  // by flag, with dashes
};

// Throws Error{usage} for anything that is neither a command nor a known flag with its value. Never
// repeats what might be a token.
[[nodiscard]] Arguments parse_arguments(std::span<const char* const> arguments);

}  // namespace nai::app
