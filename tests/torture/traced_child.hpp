// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "support/child_output.hpp"
#include "torture/deadline.hpp"

namespace nai::torture {

// A program that the calling thread traces, in a process group of its own, stopped before its first
// instruction's system calls matter; each of the numbered calls of its threads stops it. Its output
// is collected while it runs.
class TracedChild {
 public:
  // Throws std::system_error when tracing is not allowed.
  TracedChild(const std::vector<std::string>& command, const test::Environment& environment,
              const std::vector<long>& stop_at);
  ~TracedChild();
  TracedChild(const TracedChild&) = delete;
  TracedChild& operator=(const TracedChild&) = delete;

  [[nodiscard]] pid_t pid() const { return m_pid; }
  void kill_after(std::chrono::seconds timeout);
  [[nodiscard]] bool timed_out() const { return m_timed_out; }
  // After the program was reaped with this wait status.
  test::ProcessResult finish(int status);

 private:
  pid_t m_pid = -1;
  bool m_finished = false;
  std::atomic<bool> m_timed_out{false};
  test::ChildOutput m_output;
  std::optional<Deadline> m_deadline;
};

}  // namespace nai::torture
