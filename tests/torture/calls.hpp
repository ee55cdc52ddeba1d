// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace nai::torture {

// What a program asks of the kernel about files, whatever the system call's name.
enum class Call {
  create,  // open with O_CREAT or O_TRUNC
  open,    // any other open
  read,
  write,
  sync,
  close,
  rename,
  unlink,
  link,
  mkdir,
  rmdir,
  truncate,
  allocate,
  chmod,
  stat,
  flock,
};

[[nodiscard]] const char* name_of(Call call);

// Everything that changes what is on a volume: the moments between which a crash makes a
// difference.
[[nodiscard]] const std::set<Call>& changing_calls();

// The system calls in question, for a seccomp filter.
[[nodiscard]] std::vector<long> watched_numbers();

// A system call that a stopped thread is about to make.
struct PendingCall {
  Call call = Call::open;
  std::string path;         // absolute; of the descriptor where the call has no path
  std::uint64_t bytes = 0;  // of a write
  std::size_t bytes_argument = 0;
};

// Empty when it is none of those above. `arguments` are the six registers.
[[nodiscard]] std::optional<PendingCall> describe_call(
    pid_t thread, long number, const std::array<std::uint64_t, 6>& arguments);

}  // namespace nai::torture
