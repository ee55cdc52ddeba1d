// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <thread>

#include <nai/transfer/progress.hpp>
#include <nai/util/clock.hpp>

#include "app/log.hpp"

namespace nai::app {

// Tells of a running download until destroyed, from a thread of its own that touches nothing but
// memory and the console: when a volume hangs, this still speaks.
class Reporter {
 public:
  // The arguments must outlive it. `interval` fixes the time between lines; zero is silence.
  Reporter(const transfer::Progress& progress, Console& console, util::Clock& clock,
           std::optional<std::chrono::milliseconds> interval);
  ~Reporter();
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  // The time since construction.
  [[nodiscard]] std::chrono::milliseconds elapsed() const;

 private:
  void run(const std::stop_token& stop);
  void print_lines(const std::stop_token& stop);
  void redraw_bar(const std::stop_token& stop);

  const transfer::Progress& m_progress;
  Console& m_console;
  util::Clock& m_clock;
  std::optional<std::chrono::milliseconds> m_interval;
  util::SteadyTime m_start;
  std::jthread m_thread;
};

}  // namespace nai::app
