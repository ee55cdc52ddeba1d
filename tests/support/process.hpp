// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "support/child_output.hpp"

namespace nai::test {

// A child process with exactly the environment given. Its output is collected while it runs. The
// destructor kills and reaps it, so that no test leaves one behind.
class Process {
 public:
  using Environment = test::Environment;

  Process(const std::vector<std::string>& command, const Environment& environment);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return m_pid; }
  void send_signal(int signal) const;
  // Blocks until the process said this on either stream; false if it ends or a minute does before.
  [[nodiscard]] bool says(std::string_view text) {
    return m_output.wait_for(text, std::chrono::minutes(1));
  }
  // Blocks until the process has ended and its output is complete.
  ProcessResult wait();

 private:
  pid_t m_pid = -1;
  bool m_reaped = false;
  ChildOutput m_output;
};

}  // namespace nai::test
