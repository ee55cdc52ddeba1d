// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>

namespace nai::transfer {

// What a request takes to bring its first byte when nothing else is in its way: the shortest seen,
// forgotten slowly. What comes on top is time in which the server or this machine had other
// requests to serve, however many of them in a row; longer requests would not make it less.
class ShortestLatency {
 public:
  // Thread-safe; when two come at once, one of them may not count.
  void note(double seconds) {
    const double before = m_seconds;
    m_seconds = before == 0 ? seconds : std::min(seconds, k_forgetting * before);
  }
  // 0 before the first.
  [[nodiscard]] double seconds() const { return m_seconds; }

 private:
  // Doubles in 1400 requests. Forgotten in a hundred, it followed the queue of a busy machine: the
  // requests became longer than memory is large, and what they brought was read back to be hashed.
  static constexpr double k_forgetting = 1.0005;

  std::atomic<double> m_seconds{0};
};

}  // namespace nai::transfer
