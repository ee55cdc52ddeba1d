// SPDX-License-Identifier: Apache-2.0
#include "disk_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include <nai/util/error.hpp>

namespace nai::transfer {

namespace {

constexpr int k_flags = O_RDONLY | O_NOFOLLOW;

}  // namespace

bool same_content(const struct stat& before, const struct stat& after) {
  const auto content = [](const struct stat& status) {
    return std::tuple(status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                      status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
  };
  return content(before) == content(after);
}

DiskFile::DiskFile(std::filesystem::path path, util::Fd fd)
    : m_path(std::move(path)), m_fd(std::move(fd)) {
  if (::fstat(m_fd.get(), &m_opened) != 0) {
    throw util::storage_error(fmt::format("cannot examine {}", m_path.string()), errno);
  }
  if (!S_ISREG(m_opened.st_mode)) {
    throw util::Error(util::ErrorKind::storage,
                      fmt::format("cannot read {}: it is no regular file", m_path.string()));
  }
  m_is_direct = ::fcntl(m_fd.get(), F_SETFL, O_RDONLY | O_DIRECT) == 0;
}

void DiskFile::leave_direct_way() const {
  static_cast<void>(::fcntl(m_fd.get(), F_SETFL, O_RDONLY));
  m_is_direct = false;
}

std::shared_ptr<const DiskFile> DiskFile::open(const std::filesystem::path& path) {
  auto fd = util::open_existing(path, k_flags);
  return fd ? std::shared_ptr<const DiskFile>(new DiskFile(path, std::move(*fd))) : nullptr;
}

std::span<const std::byte> DiskFile::read(std::span<std::byte> memory,
                                          util::ByteRange range) const {
  if (m_is_direct) {
    const std::size_t skipped = range.offset % k_alignment;
    const std::uint64_t begin = range.offset - skipped;
    const std::uint64_t wanted =
        (range.end() - begin + k_alignment - 1) / k_alignment * k_alignment;
    const std::size_t length = std::min<std::uint64_t>(memory.size(), wanted);
    ssize_t got = -1;
    do {
      got = ::pread(m_fd.get(), memory.data(), length, static_cast<off_t>(begin));
    } while (got < 0 && errno == EINTR);
    if (got >= 0) {
      const auto read = static_cast<std::size_t>(got);
      return memory.first(read)
          .subspan(std::min(skipped, read))
          .first(std::min<std::uint64_t>(read - std::min(skipped, read), range.length));
    }
    // Another alignment than ours, or no direct reads after all. Any other error is the disk's, and
    // the page cache must not hide it.
    if (errno != EINVAL && errno != EOPNOTSUPP) {
      throw util::storage_error(fmt::format("cannot read {}", m_path.string()), errno);
    }
    leave_direct_way();
  }
  const auto piece = memory.first(std::min<std::uint64_t>(memory.size(), range.length));
  return piece.first(util::read_at(m_fd, piece, range.offset, m_path));
}

bool DiskFile::is_unchanged() const {
  const auto now = util::stat_path(m_path);
  return now && same_content(m_opened, *now);
}

}  // namespace nai::transfer
