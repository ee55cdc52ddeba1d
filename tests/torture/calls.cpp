// SPDX-License-Identifier: Apache-2.0
#include "torture/calls.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <filesystem>

#include <fmt/format.h>

namespace nai::torture {

namespace {

constexpr int k_none = -1;

// Where a system call keeps what it is about: the numbers of its arguments.
struct Signature {
  long number;
  Call call;
  int descriptor = k_none;  // of the file, or of the directory that the path counts from
  int path = k_none;
  int flags = k_none;
  int bytes = k_none;
};

constexpr auto k_signatures = std::to_array<Signature>({
    {SYS_openat, Call::open, 0, 1, 2},
    {SYS_read, Call::read, 0},
    {SYS_pread64, Call::read, 0},
    {SYS_write, Call::write, 0, k_none, k_none, 2},
    {SYS_pwrite64, Call::write, 0, k_none, k_none, 2},
    {SYS_writev, Call::write, 0},
    {SYS_pwritev, Call::write, 0},
    {SYS_pwritev2, Call::write, 0},
    {SYS_fsync, Call::sync, 0},
    {SYS_fdatasync, Call::sync, 0},
    {SYS_sync_file_range, Call::sync, 0},
    {SYS_close, Call::close, 0},
    {SYS_renameat, Call::rename, 0, 1},
    {SYS_renameat2, Call::rename, 0, 1},
    {SYS_unlinkat, Call::unlink, 0, 1, 2},
    {SYS_linkat, Call::link, 0, 1},
    {SYS_mkdirat, Call::mkdir, 0, 1},
    {SYS_ftruncate, Call::truncate, 0},
    {SYS_fallocate, Call::allocate, 0},
    {SYS_fchmod, Call::chmod, 0},
    {SYS_fchmodat, Call::chmod, 0, 1},
    {SYS_fstat, Call::stat, 0},
    {SYS_newfstatat, Call::stat, 0, 1},
    {SYS_statx, Call::stat, 0, 1},
    {SYS_flock, Call::flock, 0},
#ifdef __x86_64__
    {SYS_open, Call::open, k_none, 0, 1},
    {SYS_creat, Call::create, k_none, 0},
    {SYS_rename, Call::rename, k_none, 0},
    {SYS_unlink, Call::unlink, k_none, 0},
    {SYS_link, Call::link, k_none, 0},
    {SYS_mkdir, Call::mkdir, k_none, 0},
    {SYS_rmdir, Call::rmdir, k_none, 0},
    {SYS_truncate, Call::truncate, k_none, 0},
    {SYS_chmod, Call::chmod, k_none, 0},
    {SYS_stat, Call::stat, k_none, 0},
    {SYS_lstat, Call::stat, k_none, 0},
#endif
});

std::string read_string(pid_t thread, std::uint64_t address) {
  std::string text;
  std::array<char, 256> piece{};
  while (text.size() < PATH_MAX) {
    // Up to the end of a page at a time: the next one may not be there.
    constexpr std::uint64_t k_page = 4096;
    const std::uint64_t at = address + text.size();
    const std::size_t length = std::min<std::uint64_t>(piece.size(), k_page - at % k_page);
    iovec local{piece.data(), length};
    iovec remote{reinterpret_cast<void*>(at), length};  // NOLINT(performance-no-int-to-ptr)
    const ssize_t got = ::process_vm_readv(thread, &local, 1, &remote, 1, 0);
    if (got <= 0) {
      break;
    }
    char* const end = std::find(piece.data(), piece.data() + got, '\0');
    text.append(piece.data(), end);
    if (end != piece.data() + got) {
      break;
    }
  }
  return text;
}

std::string path_of(pid_t thread, int descriptor) {
  const std::string link = descriptor == AT_FDCWD
                               ? fmt::format("/proc/{}/cwd", thread)
                               : fmt::format("/proc/{}/fd/{}", thread, descriptor);
  std::error_code none;
  return std::filesystem::read_symlink(link, none).string();
}

std::string subject(pid_t thread, const Signature& signature,
                    const std::array<std::uint64_t, 6>& arguments) {
  const auto argument = [&](int index) { return arguments.at(static_cast<std::size_t>(index)); };
  std::string path = signature.path == k_none ? "" : read_string(thread, argument(signature.path));
  if (path.starts_with('/')) {
    return path;
  }
  const int base =
      signature.descriptor == k_none ? AT_FDCWD : static_cast<int>(argument(signature.descriptor));
  const std::string directory = path_of(thread, base);
  return path.empty() ? directory : directory + "/" + path;
}

Call refined(const Signature& signature, std::uint64_t flags) {
  if (signature.call == Call::open && (flags & (O_CREAT | O_TRUNC)) != 0) {
    return Call::create;
  }
  if (signature.number == SYS_unlinkat && (flags & AT_REMOVEDIR) != 0) {
    return Call::rmdir;
  }
  return signature.call;
}

}  // namespace

const char* name_of(Call call) {
  switch (call) {
    case Call::create:
      return "create";
    case Call::open:
      return "open";
    case Call::read:
      return "read";
    case Call::write:
      return "write";
    case Call::sync:
      return "fsync";
    case Call::close:
      return "close";
    case Call::rename:
      return "rename";
    case Call::unlink:
      return "unlink";
    case Call::link:
      return "link";
    case Call::mkdir:
      return "mkdir";
    case Call::rmdir:
      return "rmdir";
    case Call::truncate:
      return "ftruncate";
    case Call::allocate:
      return "fallocate";
    case Call::chmod:
      return "chmod";
    case Call::stat:
      return "stat";
    case Call::flock:
      return "flock";
  }
  return "?";
}

const std::set<Call>& changing_calls() {
  static const std::set<Call> k_calls{Call::create, Call::write,    Call::sync,    Call::rename,
                                      Call::unlink, Call::link,     Call::mkdir,   Call::rmdir,
                                      Call::chmod,  Call::truncate, Call::allocate};
  return k_calls;
}

std::vector<long> watched_numbers() {
  std::vector<long> numbers;
  for (const Signature& signature : k_signatures) {
    numbers.push_back(signature.number);
  }
  return numbers;
}

std::optional<PendingCall> describe_call(pid_t thread, long number,
                                         const std::array<std::uint64_t, 6>& arguments) {
  const auto* found =
      std::find_if(k_signatures.begin(), k_signatures.end(),
                   [&](const Signature& signature) { return signature.number == number; });
  if (found == k_signatures.end()) {
    return std::nullopt;
  }
  const auto argument = [&](int index) {
    return index == k_none ? 0 : arguments.at(static_cast<std::size_t>(index));
  };
  return PendingCall{.call = refined(*found, argument(found->flags)),
                     .path = subject(thread, *found, arguments),
                     .bytes = argument(found->bytes),
                     .bytes_argument = static_cast<std::size_t>(std::max(found->bytes, 0))};
}

}  // namespace nai::torture
