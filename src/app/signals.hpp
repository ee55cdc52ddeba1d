// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <stop_token>
#include <string_view>
#include <thread>

#include <nai/util/file.hpp>

#include "app/log.hpp"

namespace nai::app {

// Blocks SIGINT and SIGTERM for this thread and all that it starts, and ignores SIGPIPE. Call it in
// main, before any thread.
void block_signals();

// Takes SIGINT and SIGTERM from then on, on a thread of its own: the first requests a stop, further
// ones change nothing but a line. Works as PID 1, where signals without a handler are lost unless
// they are blocked.
class SignalWatch {
 public:
  struct Options {
    std::stop_source stop;
    std::string_view stopping = "stopping";  // what the first signal does, for people
    // When the run has not ended this long after the first signal (a hung volume can hold a thread
    // for ever), `overdue` is called on the watching thread, and is expected to end the process.
    std::chrono::milliseconds patience{3'500};
    std::function<void(int signal)> overdue;
    // Whatever hangs, also `overdue`: this long after the first signal the process ends without a
    // word. 0: never.
    std::chrono::milliseconds last_resort{0};
  };

  SignalWatch(Options options, Console& console);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  // The first signal that came, 0 for none.
  [[nodiscard]] int received() const { return m_received; }

 private:
  void run(const std::stop_token& end);
  void take_signal();
  void stop(int signal);

  Options m_options;
  Console& m_console;
  std::atomic<int> m_received{0};
  util::Fd m_signals;
  util::Fd m_end;
  std::jthread m_thread;
};

}  // namespace nai::app
