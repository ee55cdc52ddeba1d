// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace nai::test {

// How a child process ended, and what it said.
struct ProcessResult {
  int exit_status = -1;  // -1 when a signal ended it
  int signal = 0;
  std::string out;
  std::string err;
  std::uint64_t peak_rss_bytes = 0;
  std::chrono::milliseconds wall_time{0};
};

// A child process with exactly the environment given. Its output is collected while it runs. The
// destructor kills and reaps it, so that no test leaves one behind.
class Process {
 public:
  using Environment = std::map<std::string, std::string>;

  Process(const std::vector<std::string>& command, const Environment& environment);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return m_pid; }
  void send_signal(int signal) const;
  // Blocks until the process has ended and its output is complete.
  ProcessResult wait();

 private:
  void collect(int fd, std::string ProcessResult::*member);

  pid_t m_pid = -1;
  bool m_reaped = false;
  std::chrono::steady_clock::time_point m_started;
  ProcessResult m_result;
  std::vector<std::jthread> m_readers;
};

}  // namespace nai::test
