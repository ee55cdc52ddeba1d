// SPDX-License-Identifier: Apache-2.0
#include "content_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include <nai/util/error.hpp>
#include <nai/util/units.hpp>

namespace nai::storage {

namespace {

// What the file system says of itself if it is a tmpfs.
std::optional<struct statfs> status_of_tmpfs(const util::Fd& fd) {
  struct statfs status {};
  const bool known = ::fstatfs(fd.get(), &status) == 0 && status.f_type == TMPFS_MAGIC;
  return known ? std::optional(status) : std::nullopt;
}

// 0, or the errno of the failure. ENOSPC before anything was written where a tmpfs has no room.
int reserve_space(const util::Fd& fd, std::uint64_t size) {
  const auto tmpfs = status_of_tmpfs(fd);
  if (!tmpfs) {
    return ::fallocate(fd.get(), 0, 0, static_cast<off_t>(size)) == 0 ? 0 : errno;
  }
  // Reserving on a tmpfs takes all its memory at once, and makes nothing cheaper.
  const bool limited = tmpfs->f_blocks > 0;
  const std::uint64_t free = tmpfs->f_bavail * static_cast<std::uint64_t>(tmpfs->f_bsize);
  return limited && free < size ? ENOSPC : EOPNOTSUPP;
}

// Reserves the space at once where the file system can (NFS 4.2, local disks), so that a full
// volume shows before hours of transfer. Never posix_fallocate: where the file system cannot, it
// writes the whole file. `present`: the size before.
void reserve(const util::Fd& fd, std::uint64_t present, std::uint64_t size,
             const std::filesystem::path& path) {
  const int problem = size == 0 ? 0 : reserve_space(fd, size);
  if (problem == 0) {
    return;
  }
  if (problem == ENOSPC || problem == EDQUOT || problem == EFBIG) {
    // Another pod reserved it at the same time, and that left nothing for a second reservation.
    struct stat status {};
    if (::fstat(fd.get(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) >= size) {
      return;
    }
    // ext4 has given it all that was free by then.
    [[maybe_unused]] const int given_back = ::ftruncate(fd.get(), static_cast<off_t>(present));
    throw util::storage_error(
        fmt::format("cannot reserve {} for {}", util::format_bytes(size), path.string()), problem);
  }
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
    throw util::storage_error(fmt::format("cannot set the size of {}", path.string()), errno);
  }
}

bool aligned(const void* data, std::size_t size, std::uint64_t offset) {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  return (address | size | offset) % ContentFile::k_alignment == 0;
}

}  // namespace

ContentFile::ContentFile(std::filesystem::path path, util::Fd buffered, Way way)
    : m_path(std::move(path)), m_buffered(std::move(buffered)) {
  if (way == Way::direct && !status_of_tmpfs(m_buffered)) {
    const int fd = ::open(m_path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_DIRECT);
    if (fd >= 0) {
      m_direct.emplace(fd);
    }
  }
}

std::unique_ptr<ContentFile> ContentFile::create(const std::filesystem::path& path,
                                                 std::uint64_t size, Way way) {
  util::Fd fd = util::open_file(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
  reserve(fd, 0, size, path);
  return std::unique_ptr<ContentFile>(new ContentFile(path, std::move(fd), way));
}

std::unique_ptr<ContentFile> ContentFile::share(const std::filesystem::path& path,
                                                std::uint64_t size) {
  std::unique_ptr<ContentFile> file(
      new ContentFile(path, util::open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW), Way::direct));
  const auto present = static_cast<std::uint64_t>(file->status().st_size);
  if (present > size && ::ftruncate(file->m_buffered.get(), static_cast<off_t>(size)) != 0) {
    throw util::storage_error(fmt::format("cannot set the size of {}", path.string()), errno);
  }
  if (present < size) {
    reserve(file->m_buffered, present, size, path);
  }
  return file;
}

std::unique_ptr<ContentFile> ContentFile::open(const std::filesystem::path& path, Way way) {
  auto fd = util::open_existing(path, O_RDWR | O_NOFOLLOW);
  if (!fd) {
    return nullptr;
  }
  return std::unique_ptr<ContentFile>(new ContentFile(path, std::move(*fd), way));
}

struct stat ContentFile::status() const {
  struct stat status {};
  if (::fstat(m_buffered.get(), &status) != 0) {
    throw util::storage_error(fmt::format("cannot examine {}", m_path.string()), errno);
  }
  return status;
}

void ContentFile::make_readable_by_all() const {
  static_cast<void>(::fchmod(m_buffered.get(), 0644));
}

void ContentFile::write(std::span<const std::byte> data, std::uint64_t offset) const {
  if (m_direct && aligned(data.data(), data.size(), offset)) {
    const ssize_t written =
        ::pwrite(m_direct->get(), data.data(), data.size(), static_cast<off_t>(offset));
    // EINVAL: this file system wants another alignment. The page cache takes what is left.
    if (written < 0 && errno != EINVAL && errno != EINTR) {
      throw util::storage_error(fmt::format("cannot write {}", m_path.string()), errno);
    }
    const auto done = static_cast<std::size_t>(std::max<ssize_t>(written, 0));
    data = data.subspan(done);
    offset += done;
  }
  if (!data.empty()) {
    const std::scoped_lock alone(m_buffered_writer);
    util::write_all_at(m_buffered, data, offset, m_path);
  }
}

std::size_t ContentFile::read(std::span<std::byte> data, std::uint64_t offset) const {
  const bool direct = m_direct && aligned(data.data(), data.size(), offset);
  std::size_t done = 0;
  if (direct) {
    const ssize_t got =
        ::pread(m_direct->get(), data.data(), data.size(), static_cast<off_t>(offset));
    done = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  }
  // Also where the direct way failed: the page cache's answer is the one to report.
  return done + util::read_at(m_buffered, data.subspan(done), offset + done, m_path);
}

void ContentFile::sync() const { util::sync_data(m_buffered, m_path); }

}  // namespace nai::storage
