// SPDX-License-Identifier: Apache-2.0
#include "model_directory.hpp"

#include <unistd.h>

#include <vector>

#include <nai/util/file.hpp>

namespace nai::storage {

namespace {

// The directories between `root` and the file, outermost first.
std::vector<std::filesystem::path> parents(const std::filesystem::path& root,
                                           std::string_view path) {
  std::vector<std::filesystem::path> result;
  std::filesystem::path at = root;
  for (const auto& segment : std::filesystem::path(path).parent_path()) {
    at /= segment;
    result.push_back(at);
  }
  return result;
}

}  // namespace

void make_parent_directories(const std::filesystem::path& root, std::string_view path) {
  for (const auto& directory : parents(root, path)) {
    util::make_directory(directory);
  }
}

void remove_empty_parents(const std::filesystem::path& root, std::string_view path) {
  const auto directories = parents(root, path);
  for (auto it = directories.rbegin(); it != directories.rend(); ++it) {
    if (::rmdir(it->c_str()) != 0) {
      return;
    }
  }
}

bool parents_are_directories(const std::filesystem::path& root, std::string_view path) {
  for (const auto& directory : parents(root, path)) {
    const auto status = util::stat_path(directory);
    if (!status || !S_ISDIR(status->st_mode)) {
      return false;
    }
  }
  return true;
}

}  // namespace nai::storage
