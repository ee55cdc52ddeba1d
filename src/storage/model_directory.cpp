// SPDX-License-Identifier: Apache-2.0
#include "model_directory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <system_error>
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

std::vector<std::filesystem::path> entries_of(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> entries;
  std::error_code problem;
  for (std::filesystem::directory_iterator entry(directory, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    entries.push_back(entry->path());
  }
  return entries;
}

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

std::optional<std::string> read_text(const std::filesystem::path& path) {
  constexpr std::size_t k_max_text_bytes = std::size_t{64} * 1024;
  const auto status = util::stat_path(path);
  if (!status || !S_ISREG(status->st_mode) ||
      static_cast<std::uint64_t>(status->st_size) > k_max_text_bytes) {
    return std::nullopt;
  }
  return util::read_small_file(path, k_max_text_bytes);
}

}  // namespace nai::storage
