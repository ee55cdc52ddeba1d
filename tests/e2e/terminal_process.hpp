// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nai/util/file.hpp>

#include "support/child_output.hpp"
#include "support/terminal.hpp"

namespace nai::test {

// A child process whose standard output and standard error are one terminal. The destructor kills
// and reaps it.
class TerminalProcess {
 public:
  struct Size {
    unsigned short columns = 100;
    unsigned short rows = 24;
  };

  TerminalProcess(const std::vector<std::string>& command, const Environment& environment,
                  Size size);
  ~TerminalProcess();
  TerminalProcess(const TerminalProcess&) = delete;
  TerminalProcess& operator=(const TerminalProcess&) = delete;

  // Blocks until what the terminal shows satisfies `wanted`, and returns it. Throws after a minute.
  [[nodiscard]] std::string wait_for(const std::function<bool(const std::string& text)>& wanted);
  void send_signal(int signal) const;
  // Blocks until the process has ended; returns its exit status, -1 after a signal.
  int wait();

  // Once it has ended.
  [[nodiscard]] const Screen& screen() const { return m_screen; }
  [[nodiscard]] const std::string& bytes() const { return m_bytes; }

 private:
  void collect();

  pid_t m_pid = -1;
  util::Fd m_master;
  std::mutex m_mutex;
  std::condition_variable m_changed;
  std::string m_bytes;
  Screen m_screen;
  bool m_reaped = false;
  std::jthread m_reader;
};

}  // namespace nai::test
