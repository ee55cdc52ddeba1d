// SPDX-License-Identifier: Apache-2.0
// FoundContent of hub_cache.hpp.
#include <sys/stat.h>

#include <algorithm>
#include <system_error>

#include <nai/storage/hub_cache.hpp>
#include <nai/storage/local_metadata.hpp>
#include <nai/util/text.hpp>
#include "model_directory.hpp"

namespace nai::storage {

namespace {

namespace fs = std::filesystem;

// Whether it is a file of the model itself.
bool is_model_file(const fs::path& path, const fs::path& model_files) {
  const auto relative = path.lexically_relative(model_files);
  return !relative.empty() && *relative.begin() != ".." && !is_local_metadata(relative.string());
}

}  // namespace

// cache_dir may have been the volume or hf_cache, and so may HF_HOME, which has its cache in "hub".
FoundContent::FoundContent(const Layout& layout) : m_layout(layout) {
  std::error_code problem;
  m_model_files = fs::weakly_canonical(layout.model_files(), problem);
  for (fs::path& entry : entries_of(layout.work())) {
    m_work.insert(std::move(entry));
  }
  for (const auto& root : {layout.mount(), layout.hf_cache()}) {
    look_into_caches(root);
    look_into_caches(root / "hub");
  }
  for (const auto& cache : Layout::k_local_caches) {
    look_into_local_cache(layout.model_files() / cache / "download");
  }
}

void FoundContent::look_into_caches(const fs::path& root) {
  for (const fs::path& repository : entries_of(root)) {
    if (!repository.filename().string().starts_with("models--")) {
      continue;
    }
    for (const fs::path& blob : entries_of(repository / "blobs")) {
      note(blob);
    }
    const auto snapshots = entries_of(repository / "snapshots");
    m_snapshots.insert(m_snapshots.end(), snapshots.begin(), snapshots.end());
  }
}

void FoundContent::look_into_local_cache(const fs::path& root) {
  std::error_code problem;
  for (fs::recursive_directory_iterator entry(root, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    if (entry->path().extension() == ".incomplete") {
      note(entry->path());
    }
  }
}

// Names are "TAG", "TAG.incomplete", "TAG.NUMBER.incomplete", or one of these behind another part.
void FoundContent::note(const fs::path& path) {
  const std::string name = path.filename().string();
  for (const std::string_view part : util::split(name, '.')) {
    using digest::Algorithm;
    if (digest::Digest::from_hex(Algorithm::sha256, part) ||
        digest::Digest::from_hex(Algorithm::git_blob_sha1, part)) {
      m_by_tag.emplace(part, path);
    }
  }
}

std::vector<fs::path> FoundContent::candidates(const FileIdentity& file) const {
  std::vector<fs::path> result;
  if (!is_entity_tag(file.digest) || file.size == 0) {
    return result;
  }
  const auto consider = [&](const fs::path& path) {
    // Blobs may be links, also to a cache that several repositories share.
    std::error_code problem;
    const fs::path real = fs::canonical(path, problem);
    struct stat status {};
    const bool ours = is_model_file(real, m_model_files);
    if (!problem && !ours && ::stat(real.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        static_cast<std::uint64_t>(status.st_size) == file.size &&
        std::find(result.begin(), result.end(), real) == result.end()) {
      result.push_back(real);
    }
  };
  // First: borrowing something else would remove it, and it may have no other name.
  if (const auto borrowed = m_layout.borrowed(file.path, file.digest); m_work.contains(borrowed)) {
    consider(borrowed);
  }
  const auto [first, last] = m_by_tag.equal_range(file.digest.hex());
  for (auto it = first; it != last; ++it) {
    consider(it->second);
  }
  for (const fs::path& snapshot : m_snapshots) {
    consider(snapshot / file.path);
  }
  return result;
}

}  // namespace nai::storage
