// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace nai::app {

// Writes whole lines to a descriptor that it does not own, such as standard output. Nothing about
// the other end can end the run or hold it up for long: a line that cannot be written is dropped.
// Not thread-safe.
class LineWriter {
 public:
  explicit LineWriter(int fd) : m_fd(fd) {}

  // One write(2) when the descriptor takes it whole. False when the line, or the rest of it, was
  // dropped: the other end is closed or full, or did not read for some seconds (then at once, until
  // it reads again).
  bool write(std::string_view text);

 private:
  [[nodiscard]] bool wait_until_writable();

  int m_fd;
  bool m_stuck = false;
};

}  // namespace nai::app
