// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/certificates.hpp"

#include <chrono>
#include <mutex>
#include <span>
#include <string_view>

struct ssl_st;

namespace mock {

// One accepted connection, plain or TLS. Used by one thread, but for `interrupt`.
class Stream {
 public:
  // Takes the descriptor. No context: plain.
  Stream(int fd, const TlsContext& context);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // False when the peer did not finish the TLS handshake.
  bool handshake();

  // Blocks for at least one byte; 0 when there will be no more.
  std::size_t read(std::span<char> out);

  // Blocks until the kernel has it all; false when the peer is gone.
  bool write(std::span<const char> bytes);

  // Sends bytes past TLS.
  void write_raw(std::string_view bytes);

  // Waits; false, at once, when the peer left or `interrupt` was called.
  bool pause_until(std::chrono::steady_clock::time_point until);
  // Waits until the peer leaves or `interrupt` is called.
  void wait_for_peer_to_leave();

  // Ends the connection: with an RST, or in order (the TLS closing alert included).
  void reset();
  void close();

  // Callable from any thread at any time: wakes whatever waits; nothing more is sent.
  void interrupt();

 private:
  void close_descriptor();

  std::mutex m_mutex;  // guards m_fd between interrupt and close
  int m_fd;
  ssl_st* m_ssl = nullptr;
};

}  // namespace mock
