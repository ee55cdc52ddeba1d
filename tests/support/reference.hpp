// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

namespace nai::test {

// The root of the project's sources.
[[nodiscard]] std::filesystem::path project_directory();

// The names in the first column of the tables below the heading "## HEADING" of docs/reference.md,
// with those that the second column names.
[[nodiscard]] std::map<std::string, std::set<std::string>> documented(const std::string& heading);

}  // namespace nai::test
