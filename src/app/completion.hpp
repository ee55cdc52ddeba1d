// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace nai::app {

// A script that makes `shell` ("bash", "zsh" or "fish") complete the program's commands, flags and
// the values of those that have few, from the tables of commands and settings.
[[nodiscard]] std::string completion_script(std::string_view shell);

}  // namespace nai::app
