// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nai::util {

// An owned file descriptor. Closing in the destructor ignores errors: whoever wrote through it must
// have called sync_data() or close() first.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : m_fd(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept;
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;

  [[nodiscard]] int get() const { return m_fd; }
  [[nodiscard]] explicit operator bool() const { return m_fd >= 0; }

 private:
  int m_fd = -1;
};

// All of these block, retry EINTR, and throw Error{storage or no_space} naming the path.

// open(2) with O_CLOEXEC and O_NONBLOCK added; the latter so that a pipe in a file's place is an
// error, or nothing, and never a wait for its other end.
[[nodiscard]] Fd open_file(const std::filesystem::path& path, int flags, mode_t mode = 0644);
// The same, but empty when the file does not exist.
[[nodiscard]] std::optional<Fd> open_existing(const std::filesystem::path& path, int flags);
// Writes everything; a short write is continued.
void write_all_at(const Fd& fd, std::span<const std::byte> data, std::uint64_t offset,
                  const std::filesystem::path& path);
// Reads until `data` is full or the file ends; returns the bytes read.
[[nodiscard]] std::size_t read_at(const Fd& fd, std::span<std::byte> data, std::uint64_t offset,
                                  const std::filesystem::path& path);
void sync_data(const Fd& fd, const std::filesystem::path& path);
// fsync of a directory. File systems that do not know it (EINVAL, ENOTSUP) count as success.
void sync_directory(const std::filesystem::path& directory);

// A whole small file; empty when it does not exist. Throws storage when larger than `max_bytes`.
[[nodiscard]] std::optional<std::string> read_small_file(const std::filesystem::path& path,
                                                         std::size_t max_bytes);
// Replaces `path` so that a reader, and a machine that lost power, sees the old or the new content:
// temporary file beside it, fsync, rename, fsync of the directory. Mode 0644 whatever the umask,
// where chmod works.
void replace_file(const std::filesystem::path& path, std::string_view content);
// Where this process has the new content of `path` until it takes its place; no other process, also
// of another container, has it there.
[[nodiscard]] std::filesystem::path draft_of(const std::filesystem::path& path);
// Whether another process had the new content of a file there.
[[nodiscard]] bool is_draft_of_another(const std::filesystem::path& path);

// Creates `path` with mode 0755 whatever the umask; true if it did not exist. A symbolic link, or
// anything else that is not a directory, is an error.
bool make_directory(const std::filesystem::path& path);

// lstat; empty when nothing is there (ENOENT, ENOTDIR).
[[nodiscard]] std::optional<struct stat> stat_path(const std::filesystem::path& path);

}  // namespace nai::util
