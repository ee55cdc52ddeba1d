// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "app/config.hpp"

namespace nai::app {

// Where a credential may come from, in order: the flag's file, the variables, the file that
// `path_variable` names, the file `secret_name` in the directory of secrets.
struct CredentialSources {
  std::filesystem::path flag_file;  // empty: not given
  std::span<const std::string_view> variables;
  std::string_view path_variable;
  std::filesystem::path secret_directory;
  bool secret_directory_named = false;
  std::string_view secret_name;
};

// The first of them that is there and not empty. A file that the flag or a named directory points
// to and that cannot be read is Error{usage}; a file that is merely not there is passed over,
// except the flag's.
[[nodiscard]] Credential find_credential(const CredentialSources& sources,
                                         const Environment& environment);

}  // namespace nai::app
