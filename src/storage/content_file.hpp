// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include <nai/util/file.hpp>

namespace nai::storage {

// The content of a partial file. Where the file system takes O_DIRECT, blocks go past the page
// cache: copying a block into new pages costs several times what writing it from where it lies
// does, and dirty pages would count against the memory limit of the container. Blocks that are not
// aligned (the end of a file), and file systems that refuse O_DIRECT, go through the page cache. So
// does everything on tmpfs, which is nothing but page cache.
class ContentFile {
 public:
  // Multiples of this, in memory and in the file, can take the direct way.
  static constexpr std::size_t k_alignment = 4096;

  enum class Way { buffered, direct };

  // A new file of `size` bytes, its space reserved where the file system can (on tmpfs it is only
  // compared with what is free, because reserving there clears every page); nothing may stand at
  // `path`. Throws Error{storage or no_space}.
  static std::unique_ptr<ContentFile> create(const std::filesystem::path& path, std::uint64_t size,
                                             Way way);
  // The file at `path` that several processes fill, made and brought to `size` bytes by whoever
  // comes first. Its content stays. Throws Error{storage or no_space}.
  static std::unique_ptr<ContentFile> share(const std::filesystem::path& path, std::uint64_t size);
  // The file at `path`; null when there is none.
  static std::unique_ptr<ContentFile> open(const std::filesystem::path& path, Way way);

  // The inode behind the open file.
  [[nodiscard]] struct stat status() const;
  [[nodiscard]] bool is_direct() const { return m_direct.has_value(); }
  // Best effort: EPERM is usual where the export squashes root.
  void make_readable_by_all() const;

  // Writes all of `data`. Thread-safe for disjoint blocks.
  void write(std::span<const std::byte> data, std::uint64_t offset) const;
  // Fewer bytes than asked for only at the end of the file.
  std::size_t read(std::span<std::byte> data, std::uint64_t offset) const;
  void sync() const;

 private:
  ContentFile(std::filesystem::path path, util::Fd buffered, Way way);

  std::filesystem::path m_path;
  util::Fd m_buffered;
  std::optional<util::Fd> m_direct;
  // The kernel lets one writer at a time into the page cache of a file, and the others spin.
  mutable std::mutex m_buffered_writer;
};

}  // namespace nai::storage
