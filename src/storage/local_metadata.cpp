// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/local_metadata.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "model_directory.hpp"

#include <nai/util/file.hpp>

namespace nai::storage {

namespace {

constexpr std::string_view k_suffix = ".metadata";
// Of Linux and of every file system that a volume may have.
constexpr std::size_t k_max_name = 255;
// Tells backup programs to pass the directory over (https://bford.info/cachedir/).
constexpr std::string_view k_cache_tag =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# made by nai-model-processor in the manner of huggingface_hub\n";

std::string metadata_path(std::string_view cache, std::string_view path) {
  return fmt::format("{}/download/{}{}", cache, path, k_suffix);
}

// It is believed as long as the file's modification time, which is by the server's clock, is not
// later. So no clock of ours is asked, which may differ.
std::string metadata_text(std::string_view commit, const RecordedFile& file) {
  constexpr std::int64_t k_second = 1'000'000'000;
  const std::int64_t seconds = file.modified_ns / k_second;
  return fmt::format("{}\n{}\n{}.0\n", commit, file.digest.hex(),
                     seconds + (file.modified_ns > seconds * k_second ? 1 : 0));
}

void put_text(const Layout& layout, const std::string& path, std::string_view text) {
  const auto place = layout.model_file(path);
  if (read_text(place) == text) {
    return;
  }
  make_parent_directories(layout.model_files(), path);
  const auto fd = util::open_file(place, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
  static_cast<void>(::fchmod(fd.get(), 0644));
  util::write_all_at(fd, std::as_bytes(std::span(text)), 0, place);
}

// Locks stay: another process may be waiting at one.
void remove_others(const Layout& layout, std::string_view cache,
                   const std::set<std::string>& wanted) {
  const auto root = layout.model_files() / cache / "download";
  std::error_code problem;
  std::filesystem::recursive_directory_iterator entries(root, problem);
  for (const std::filesystem::recursive_directory_iterator end; !problem && entries != end;
       entries.increment(problem)) {
    const auto& path = entries->path();
    const auto relative = path.lexically_relative(layout.model_files()).string();
    const bool unfinished = path.extension() == ".incomplete";
    const bool stale = path.extension() == k_suffix && !wanted.contains(relative);
    if ((unfinished || stale) && !entries->is_directory(problem)) {
      static_cast<void>(::unlink(path.c_str()));
    }
  }
}

bool fits(const RecordedFile& file) {
  const auto name = file.path.size() - (file.path.rfind('/') + 1);
  return is_entity_tag(file.digest) && name + k_suffix.size() <= k_max_name;
}

void write_cache(const Layout& layout, const std::string& cache, std::string_view commit,
                 const std::vector<RecordedFile>& files) {
  put_text(layout, cache + "/CACHEDIR.TAG", k_cache_tag);
  put_text(layout, cache + "/.gitignore", "*");
  std::set<std::string> wanted;
  for (const RecordedFile& file : files) {
    wanted.insert(metadata_path(cache, file.path));
  }
  remove_others(layout, cache, wanted);
  for (const RecordedFile& file : files) {
    if (fits(file)) {
      put_text(layout, metadata_path(cache, file.path), metadata_text(commit, file));
    }
  }
}

}  // namespace

void write_local_metadata(const Layout& layout, std::string_view commit,
                          const std::vector<RecordedFile>& files) {
  const bool in_the_way = std::any_of(files.begin(), files.end(), [](const RecordedFile& file) {
    return is_local_metadata(file.path);
  });
  if (!is_commit(commit) || in_the_way) {
    return;
  }
  for (const std::string_view cache : Layout::k_local_caches) {
    write_cache(layout, std::string(cache), commit, files);
  }
}

bool is_local_metadata(std::string_view path) {
  return std::any_of(Layout::k_local_caches.begin(), Layout::k_local_caches.end(),
                     [&](std::string_view cache) {
                       return path.starts_with(cache) && path.substr(cache.size()).starts_with('/');
                     });
}

bool is_commit(std::string_view revision) {
  return digest::Digest::from_hex(digest::Algorithm::git_blob_sha1, revision).has_value();
}

bool is_entity_tag(const digest::Digest& digest) {
  return digest.algorithm() == digest::Algorithm::sha256 ||
         digest.algorithm() == digest::Algorithm::git_blob_sha1;
}

}  // namespace nai::storage
