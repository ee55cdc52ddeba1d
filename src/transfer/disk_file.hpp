// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

#include <nai/util/byte_range.hpp>
#include <nai/util/file.hpp>

namespace nai::transfer {

// Whether both are of one file whose content did not change in between, as far as its times tell.
[[nodiscard]] bool same_content(const struct stat& before, const struct stat& after);

// A file as the disk or the server has it, not as the page cache does, which would hide damage and
// would lose what others keep in it. File systems that refuse O_DIRECT are read the usual way.
class DiskFile {
 public:
  // Null when there is none. Throws Error{storage}, also when it is no regular file.
  [[nodiscard]] static std::shared_ptr<const DiskFile> open(const std::filesystem::path& path);

  // The content from `range.offset` on, as far as `memory` and the range go; less at the end of the
  // file, nothing behind it. The result lies in `memory`, which begins at a multiple of
  // k_alignment and is longer than that. Thread-safe. Throws Error{storage}.
  [[nodiscard]] std::span<const std::byte> read(std::span<std::byte> memory,
                                                util::ByteRange range) const;
  // Whether the file at the path is still the one that was opened, with the same content as far as
  // its times tell. Throws Error{storage}.
  [[nodiscard]] bool is_unchanged() const;

  static constexpr std::size_t k_alignment = 4096;

 private:
  DiskFile(std::filesystem::path path, util::Fd fd);
  void leave_direct_way() const;

  std::filesystem::path m_path;
  util::Fd m_fd;
  mutable std::atomic<bool> m_is_direct{false};
  struct stat m_opened {};
};

}  // namespace nai::transfer
