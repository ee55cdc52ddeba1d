// SPDX-License-Identifier: Apache-2.0
#include "support/mock/stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <limits>

namespace mock {

namespace {

// OpenSSL writes each record of 16 KiB by itself; collected, they cost a fraction of the system
// calls. A piece of 256 KiB of content and its records' overhead fit.
constexpr long k_write_buffer_bytes = 320L * 1024;

}  // namespace

Stream::Stream(int fd, const TlsContext& context) : m_fd(fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!context) {
    return;
  }
  m_ssl = SSL_new(context.get());
  BIO* socket = BIO_new_socket(fd, BIO_NOCLOSE);
  BIO* buffer = BIO_new(BIO_f_buffer());
  BIO_set_write_buffer_size(buffer, k_write_buffer_bytes);
  BIO_up_ref(socket);
  SSL_set0_rbio(m_ssl, socket);
  SSL_set0_wbio(m_ssl, BIO_push(buffer, socket));
}

Stream::~Stream() {
  SSL_free(m_ssl);
  close_descriptor();
}

bool Stream::handshake() {
  if (m_ssl == nullptr) {
    return true;
  }
  ERR_clear_error();
  return SSL_accept(m_ssl) == 1;
}

std::size_t Stream::read(std::span<char> out) {
  if (m_ssl != nullptr) {
    ERR_clear_error();
    std::size_t count = 0;
    return SSL_read_ex(m_ssl, out.data(), out.size(), &count) == 1 ? count : 0;
  }
  for (;;) {
    const ssize_t count = ::recv(m_fd, out.data(), out.size(), 0);
    if (count >= 0 || errno != EINTR) {
      return count > 0 ? static_cast<std::size_t>(count) : 0;
    }
  }
}

bool Stream::write(std::span<const char> bytes) {
  if (bytes.empty()) {
    return true;
  }
  if (m_ssl != nullptr) {
    ERR_clear_error();
    std::size_t count = 0;
    return SSL_write_ex(m_ssl, bytes.data(), bytes.size(), &count) == 1 &&
           BIO_flush(SSL_get_wbio(m_ssl)) == 1;
  }
  while (!bytes.empty()) {
    const ssize_t count = ::send(m_fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

void Stream::write_raw(std::string_view bytes) {
  [[maybe_unused]] const ssize_t count = ::send(m_fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

bool Stream::pause_until(std::chrono::steady_clock::time_point until) {
  for (;;) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds::zero()) {
      return true;
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const std::timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
    pollfd waited{.fd = m_fd, .events = POLLRDHUP, .revents = 0};
    if (::ppoll(&waited, 1, &timeout, nullptr) > 0) {
      return false;
    }
  }
}

void Stream::wait_for_peer_to_leave() {
  pollfd waited{.fd = m_fd, .events = POLLRDHUP, .revents = 0};
  while (::poll(&waited, 1, -1) < 0 && errno == EINTR) {
  }
}

void Stream::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(m_fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close_descriptor();
}

void Stream::close() {
  if (m_fd < 0) {
    return;
  }
  if (m_ssl != nullptr && SSL_is_init_finished(m_ssl) == 1) {
    ERR_clear_error();
    SSL_shutdown(m_ssl);
    BIO_flush(SSL_get_wbio(m_ssl));
  }
  close_descriptor();
}

void Stream::interrupt() {
  const std::lock_guard lock(m_mutex);
  if (m_fd >= 0) {
    ::shutdown(m_fd, SHUT_RDWR);
  }
}

void Stream::close_descriptor() {
  const std::lock_guard lock(m_mutex);
  if (m_fd >= 0) {
    ::close(m_fd);
    m_fd = -1;
  }
}

}  // namespace mock
