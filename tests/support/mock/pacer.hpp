// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

namespace mock {

// How slow and far the servers seem to be; 0 means unlimited.
struct Shaping {
  std::uint64_t total_bytes_per_second = 0;  // over all connections that carry content
  std::uint64_t connection_bytes_per_second = 0;
  std::chrono::milliseconds latency{0};  // before each answer
  // More than this many content answers at once make each as slow as `collapsed_bytes_per_second`.
  unsigned collapse_above = 0;
  std::uint64_t collapsed_bytes_per_second = 0;
};

// Spreads bytes over time. May be shared by threads.
class Pacer {
 public:
  using Clock = std::chrono::steady_clock;

  // Books `count` bytes at a rate (0: unlimited) and returns when they may go out.
  Clock::time_point book(std::uint64_t count, std::uint64_t bytes_per_second);

 private:
  std::mutex m_mutex;
  Clock::time_point m_next_free;
};

}  // namespace mock
