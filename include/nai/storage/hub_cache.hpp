// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nai/storage/inventory.hpp>
#include <nai/storage/layout.hpp>
#include <nai/storage/record.hpp>

namespace nai::storage {

// What a hub cache, as huggingface_hub and @huggingface/hub arrange it, is to hold.
struct HubSnapshot {
  std::string repository;  // "org/name"
  std::string commit;      // full
  std::string ref;         // the branch or tag that led there; empty when none did
};

// Arranges `files`, which are in place below model-files, as a hub cache in hf_cache that shares
// their bytes: hard links, and symbolic ones where the file system has none. What the cache had of
// this repository besides is removed, so that no bytes of earlier commits stay. Idempotent. Blocks.
// Throws Error{storage or no_space}.
void build_hub_cache(const Layout& layout, const HubSnapshot& snapshot,
                     const std::vector<RecordedFile>& files);

// Content that other programs left on the volume: hub caches in its usual places, and unfinished
// downloads below model-files; also what an earlier run borrowed of it and did not come to use.
// Only names are known of it.
class FoundContent {
 public:
  // Reads directories; what cannot be read counts as not there.
  explicit FoundContent(const Layout& layout);

  // Regular files that may be `file`, by name and size: reading them will tell. Thread-safe.
  [[nodiscard]] std::vector<std::filesystem::path> candidates(const FileIdentity& file) const;

 private:
  void look_into_caches(const std::filesystem::path& root);
  void look_into_local_cache(const std::filesystem::path& root);
  void note(const std::filesystem::path& path);

  Layout m_layout;
  std::set<std::filesystem::path> m_work;  // what earlier runs left
  std::filesystem::path m_model_files;
  std::multimap<std::string, std::filesystem::path, std::less<>> m_by_tag;
  std::vector<std::filesystem::path> m_snapshots;
};

}  // namespace nai::storage
