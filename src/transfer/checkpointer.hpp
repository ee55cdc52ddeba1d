// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace nai::transfer {

// A thread that calls `sync` at an interval, or sooner when enough was written.
class Checkpointer {
 public:
  struct Limits {
    std::chrono::milliseconds interval;
    std::uint64_t bytes;
  };

  // `sync` must not throw.
  Checkpointer(Limits limits, std::function<void()> sync);

  // Thread-safe and cheap.
  void note_written(std::uint64_t bytes);

 private:
  void run(const std::stop_token& stop);

  Limits m_limits;
  std::function<void()> m_sync;
  std::atomic<std::uint64_t> m_written{0};
  std::mutex m_mutex;
  std::condition_variable_any m_enough;
  std::jthread m_thread;
};

}  // namespace nai::transfer
