// SPDX-License-Identifier: Apache-2.0
#include "app/line_writer.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>

namespace nai::app {

bool LineWriter::wait_until_writable() {
  pollfd descriptor{.fd = m_fd, .events = POLLOUT, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&descriptor, 1, m_stuck ? 0 : static_cast<int>(m_patience.count()));
  } while (ready < 0 && errno == EINTR);
  m_stuck = ready == 0;
  return ready > 0;
}

bool LineWriter::write(std::string_view text) {
  while (!text.empty()) {
    // poll() promises room for PIPE_BUF bytes of a pipe and no more; with that the write cannot
    // block.
    if (!wait_until_writable()) {
      return false;
    }
    const auto size = std::min<std::size_t>(text.size(), PIPE_BUF);
    const ssize_t written = ::write(m_fd, text.data(), size);
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      return false;
    }
  }
  return true;
}

}  // namespace nai::app
