// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include <nai/digest/hasher.hpp>
#include <nai/storage/inventory.hpp>
#include <nai/util/file.hpp>

namespace nai::storage {

// States of a file's running SHA-256, by ascending position. What lies between two of them can be
// checked by itself: from the first state its bytes must lead to the second. So damage is located,
// and a large file checked by several threads, for nothing but the states' few kilobytes. Small
// files, and digests of other kinds, have none. The format on the volume is in docs/reference.md.
// Not thread-safe.
class DigestTrail {
 public:
  explicit DigestTrail(FileIdentity file);

  // Whether files like this one have any.
  [[nodiscard]] static bool is_kept_of(const FileIdentity& file);

  // Notes where the checksum stands, if that is far enough from the last time.
  void follow(const digest::Hasher& hasher);
  void clear();
  // Forgets the states behind `position`.
  void cut(std::uint64_t position);
  [[nodiscard]] const std::vector<digest::Hasher>& states() const { return m_states; }

  // From here on follow() writes to the file at `path`, whose directory is there, so that another
  // process can load() what this one had. That is not made durable, and an error ends it silently:
  // what is lost with it is how closely damage can be located.
  void write_to(std::filesystem::path path);
  // Closes that file.
  void write_to_nothing();

  // Replaces the file at `path`; removes it when there are no states. Throws Error{storage or
  // no_space}.
  void save(const std::filesystem::path& path) const;
  // Without states when there is nothing at `path` that fits `file`. Throws Error{storage}.
  [[nodiscard]] static DigestTrail load(const std::filesystem::path& path, FileIdentity file);

 private:
  void write_last();

  FileIdentity m_file;
  std::uint64_t m_spacing;  // bytes between two states, at least; 0: none are kept
  std::vector<digest::Hasher> m_states;
  std::filesystem::path m_path;  // empty: not written while it grows
  util::Fd m_fd;                 // of that path, with `m_written` bytes, once it holds all states
  std::uint64_t m_written = 0;
};

}  // namespace nai::storage
