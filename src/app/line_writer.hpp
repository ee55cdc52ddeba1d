// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string_view>

namespace nai::app {

// Writes whole lines to a descriptor that it does not own, such as standard output. Nothing about
// the other end can end the run or hold it up for long: a line that cannot be written is dropped.
// Not thread-safe.
class LineWriter {
 public:
  // `patience` is how long a line may wait for the other end.
  explicit LineWriter(int fd, std::chrono::milliseconds patience = std::chrono::seconds(5))
      : m_fd(fd), m_patience(patience) {}

  // One write(2) when the descriptor takes it whole. False when the line, or the rest of it, was
  // dropped: the other end is closed or full, or did not read in time (then at once, until
  // it reads again).
  bool write(std::string_view text);

 private:
  [[nodiscard]] bool wait_until_writable();

  int m_fd;
  std::chrono::milliseconds m_patience;
  bool m_stuck = false;
};

}  // namespace nai::app
