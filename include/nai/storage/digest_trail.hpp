// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include <nai/digest/hasher.hpp>
#include <nai/storage/inventory.hpp>

namespace nai::storage {

// States of a file's running SHA-256, by ascending position. What lies between two of them can be
// checked by itself: from the first state its bytes must lead to the second. So damage is located,
// and a large file checked by several threads, for nothing but the states' few kilobytes. Small
// files, and digests of other kinds, have none. The format on the volume is in src/README.md.
class DigestTrail {
 public:
  explicit DigestTrail(FileIdentity file);

  // Notes where the checksum stands, if that is far enough from the last time.
  void follow(const digest::Hasher& hasher);
  void clear() { m_states.clear(); }
  [[nodiscard]] const std::vector<digest::Hasher>& states() const { return m_states; }

  // Replaces the file at `path`; removes it when there are no states. Throws Error{storage or
  // no_space}.
  void save(const std::filesystem::path& path) const;
  // Without states when there is nothing at `path` that fits `file`. Throws Error{storage}.
  [[nodiscard]] static DigestTrail load(const std::filesystem::path& path, FileIdentity file);

 private:
  FileIdentity m_file;
  std::uint64_t m_spacing;  // bytes between two states, at least; 0: none are kept
  std::vector<digest::Hasher> m_states;
};

}  // namespace nai::storage
