// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nai::storage {

// Makes every directory above `root`/`path` that is missing. Refuses symbolic links and anything
// else that is not a directory on the way, so that nothing is ever written outside `root`. Throws
// Error{storage or no_space}.
void make_parent_directories(const std::filesystem::path& root, std::string_view path);

// Removes the directories above `root`/`path`, from the deepest, as long as they are empty; never
// `root` itself.
void remove_empty_parents(const std::filesystem::path& root, std::string_view path);

// True when `root`/`path` can be reached without passing a symbolic link or a non-directory.
[[nodiscard]] bool parents_are_directories(const std::filesystem::path& root,
                                           std::string_view path);

// What a directory has, as much of it as can be read.
[[nodiscard]] std::vector<std::filesystem::path> entries_of(const std::filesystem::path& directory);

// A regular file of at most 64 KiB; empty when nothing of that kind is there.
[[nodiscard]] std::optional<std::string> read_text(const std::filesystem::path& path);

}  // namespace nai::storage
