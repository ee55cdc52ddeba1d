// SPDX-License-Identifier: Apache-2.0
#include <nai/util/file.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <nai/util/error.hpp>

namespace nai::util {

namespace {

template <typename Call>
auto retry_interrupted(Call call) {
  while (true) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) {
      return result;
    }
  }
}

// O_NONBLOCK: a pipe in a file's place would be waited for until somebody opens its other end.
int open_retrying(const std::filesystem::path& path, int flags, mode_t mode) {
  flags |= O_CLOEXEC | O_NONBLOCK;
  return retry_interrupted([&] { return ::open(path.c_str(), flags, mode); });
}

constexpr std::string_view k_draft_extension = ".tmp";
// Of a file that others replace all the time.
constexpr int k_read_attempts = 3;

// Of this process and no other: those in containers have the same number all, and one that was
// paused in the middle must not write into what another one is about to put in place.
const std::string& draft_ending() {
  static const std::string ending = [] {
    std::random_device random;
    return fmt::format(".{}-{:08x}{:08x}{}", ::getpid(), random(), random(), k_draft_extension);
  }();
  return ending;
}

// Deletes a temporary file unless it was renamed away.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path path) : m_path(std::move(path)) {}
  ~TemporaryFile() {
    if (!m_path.empty()) {
      ::unlink(m_path.c_str());
    }
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  void release() { m_path.clear(); }

 private:
  std::filesystem::path m_path;
};

// Reads until `data` is full or the file ends; `done` is how much that was. 0, or the errno.
int try_read_at(const Fd& fd, std::span<std::byte> data, std::uint64_t offset, std::size_t& done) {
  for (done = 0; done < data.size();) {
    const ssize_t got = retry_interrupted([&] {
      return ::pread(fd.get(), data.data() + done, data.size() - done,
                     static_cast<off_t>(offset + done));
    });
    if (got < 0) {
      return errno;
    }
    if (got == 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  return 0;
}

// 0, or the errno of the failure.
int read_small(const Fd& fd, std::size_t max_bytes, const std::filesystem::path& path,
               std::string& content) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return errno;
  }
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) > max_bytes) {
    throw Error(ErrorKind::storage,
                fmt::format("cannot read {}: not a regular file of at most {} bytes", path.string(),
                            max_bytes));
  }
  content.resize(static_cast<std::size_t>(status.st_size));
  std::size_t done = 0;
  const int problem = try_read_at(fd, std::as_writable_bytes(std::span(content)), 0, done);
  content.resize(done);
  return problem;
}

}  // namespace

Fd::~Fd() {
  if (m_fd >= 0) {
    ::close(m_fd);
  }
}

Fd::Fd(Fd&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)) {}

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(m_fd, other.m_fd);
  return *this;
}

Fd open_file(const std::filesystem::path& path, int flags, mode_t mode) {
  const int fd = open_retrying(path, flags, mode);
  if (fd < 0) {
    throw storage_error(fmt::format("cannot open {}", path.string()), errno);
  }
  return Fd(fd);
}

std::optional<Fd> open_existing(const std::filesystem::path& path, int flags) {
  const int fd = open_retrying(path, flags, 0);
  if (fd >= 0) {
    return Fd(fd);
  }
  if (errno == ENOENT) {
    return std::nullopt;
  }
  throw storage_error(fmt::format("cannot open {}", path.string()), errno);
}

void write_all_at(const Fd& fd, std::span<const std::byte> data, std::uint64_t offset,
                  const std::filesystem::path& path) {
  while (!data.empty()) {
    const ssize_t written = retry_interrupted(
        [&] { return ::pwrite(fd.get(), data.data(), data.size(), static_cast<off_t>(offset)); });
    if (written < 0) {
      throw storage_error(fmt::format("cannot write {}", path.string()), errno);
    }
    // A file system that takes nothing and gives no reason would be asked for ever.
    if (written == 0) {
      throw storage_error(fmt::format("cannot write {}", path.string()), EIO);
    }
    data = data.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
}

std::size_t read_at(const Fd& fd, std::span<std::byte> data, std::uint64_t offset,
                    const std::filesystem::path& path) {
  std::size_t done = 0;
  if (const int problem = try_read_at(fd, data, offset, done); problem != 0) {
    throw storage_error(fmt::format("cannot read {}", path.string()), problem);
  }
  return done;
}

void sync_data(const Fd& fd, const std::filesystem::path& path) {
  if (retry_interrupted([&] { return ::fdatasync(fd.get()); }) != 0) {
    throw storage_error(fmt::format("cannot make {} durable", path.string()), errno);
  }
}

void sync_directory(const std::filesystem::path& directory) {
  const Fd fd = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (retry_interrupted([&] { return ::fsync(fd.get()); }) != 0 && errno != EINVAL &&
      errno != ENOTSUP) {
    throw storage_error(fmt::format("cannot make {} durable", directory.string()), errno);
  }
}

std::optional<std::string> read_small_file(const std::filesystem::path& path,
                                           std::size_t max_bytes) {
  // Over NFS, what another client replaced after it was opened is gone: its successor is what there
  // is to read.
  for (int attempt = 1;; ++attempt) {
    const auto fd = open_existing(path, O_RDONLY | O_NOFOLLOW);
    if (!fd) {
      return std::nullopt;
    }
    std::string content;
    const int problem = read_small(*fd, max_bytes, path, content);
    if (problem == 0) {
      return content;
    }
    if (problem != ESTALE || attempt == k_read_attempts) {
      throw storage_error(fmt::format("cannot read {}", path.string()), problem);
    }
  }
}

std::filesystem::path draft_of(const std::filesystem::path& path) {
  return path.string() + draft_ending();
}

bool is_draft_of_another(const std::filesystem::path& path) {
  return path.extension() == k_draft_extension && !path.string().ends_with(draft_ending());
}

void replace_file(const std::filesystem::path& path, std::string_view content) {
  TemporaryFile temporary(draft_of(path));
  {
    const Fd fd = open_file(temporary.path(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    write_all_at(fd, std::as_bytes(std::span(content)), 0, temporary.path());
    // EPERM is usual on exports that squash root; the mode is a courtesy to readers then.
    static_cast<void>(::fchmod(fd.get(), 0644));
    sync_data(fd, temporary.path());
  }
  if (::rename(temporary.path().c_str(), path.c_str()) != 0) {
    throw storage_error(fmt::format("cannot replace {}", path.string()), errno);
  }
  temporary.release();
  sync_directory(path.parent_path());
}

bool make_directory(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0755) == 0) {
    static_cast<void>(::chmod(path.c_str(), 0755));
    return true;
  }
  const int problem = errno;
  if (problem != EEXIST) {
    throw storage_error(fmt::format("cannot create directory {}", path.string()), problem);
  }
  const auto status = stat_path(path);
  if (!status || !S_ISDIR(status->st_mode)) {
    throw Error(
        ErrorKind::storage,
        fmt::format("cannot create directory {}: something that is not a directory is in its place",
                    path.string()));
  }
  return false;
}

std::optional<struct stat> stat_path(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    return status;
  }
  if (errno == ENOENT || errno == ENOTDIR) {
    return std::nullopt;
  }
  throw storage_error(fmt::format("cannot examine {}", path.string()), errno);
}

}  // namespace nai::util
