// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "support/process.hpp"
#include "torture/calls.hpp"

namespace nai::torture {

// What happens to a call instead of, or besides, what the kernel would do.
enum class Action {
  observe,      // nothing: calls are only counted
  kill_before,  // SIGKILL to the whole process, the call is not made
  kill_after,   // SIGKILL when the kernel has done it
  signal,       // sends `signal`, and the call is made
  fail,         // not made, and fails with `error`
  shorten,      // a write takes only a part
  pretend,      // not made, and succeeds: a lock that lies
  hang,         // sends `signal` the first time, and none of these calls ever comes back
  lose,         // writes are not made and succeed; of each file that lost some, the next fsync or
                // close, or the next write after the last lost one, fails with `error`, and only
                // that one
};

// Calls of these kinds, on files below a directory, are counted over all threads; what the action
// says happens to those from the `first` on (counting from 1), `count` of them.
struct Injection {
  static constexpr std::uint64_t k_all = std::numeric_limits<std::uint64_t>::max();

  std::set<Call> calls;
  std::string below = {};          // absolute; the directory itself counts too
  std::string path_contains = {};  // and only those; empty: all
  Action action = Action::observe;
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  int error = 0;
  int signal = 0;
};

struct TracedResult {
  test::ProcessResult process;
  // For each injection, the calls that were counted: "rename /volume/hf_cache/work/a.part".
  std::vector<std::vector<std::string>> calls;
  // The first call that something was done to; empty if it never came to it.
  std::string hit;
  bool timed_out = false;
};

// Whether this machine can do it: x86-64, and ptrace is allowed.
[[nodiscard]] bool can_trace();

// Runs a program to its end with these injections; each counts for itself, and the first whose turn
// it is acts. Kills the program after the timeout.
[[nodiscard]] TracedResult run_traced(const std::vector<std::string>& command,
                                      const test::Process::Environment& environment,
                                      const std::vector<Injection>& injections,
                                      std::chrono::seconds timeout);

}  // namespace nai::torture
