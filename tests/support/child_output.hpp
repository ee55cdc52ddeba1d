// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
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

using Environment = std::map<std::string, std::string>;

// A command line and environment in the form that exec takes; the pointers live as long as this.
class ExecArguments {
 public:
  ExecArguments(const std::vector<std::string>& command, const Environment& environment);

  [[nodiscard]] char** arguments() { return m_arguments.data(); }
  [[nodiscard]] char** environment() { return m_environment.data(); }

 private:
  std::vector<std::string> m_texts;
  std::vector<char*> m_arguments;
  std::vector<char*> m_environment;
};

// What a child process writes, collected while it runs.
class ChildOutput {
 public:
  // Throws std::system_error when there are no pipes.
  ChildOutput();
  ~ChildOutput();
  ChildOutput(const ChildOutput&) = delete;
  ChildOutput& operator=(const ChildOutput&) = delete;

  // For the child; closed here by begin().
  [[nodiscard]] int out() const { return m_out[1]; }
  [[nodiscard]] int err() const { return m_err[1]; }
  // The child has its ends.
  void begin();
  // Blocks until `text` was written; false if the streams end or the time does before.
  [[nodiscard]] bool wait_for(std::string_view text, std::chrono::seconds timeout);
  // Blocks until the streams have ended. `status` is what wait() said.
  ProcessResult finish(int status);

 private:
  void collect(int fd, std::string ProcessResult::*member);

  std::chrono::steady_clock::time_point m_started = std::chrono::steady_clock::now();
  std::array<int, 2> m_out;
  std::array<int, 2> m_err;
  bool m_begun = false;
  std::mutex m_mutex;
  std::condition_variable m_changed;
  int m_open_streams = 0;
  ProcessResult m_result;
  std::vector<std::jthread> m_readers;
};

}  // namespace nai::test
