// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <nai/http/url.hpp>

namespace nai::test {

// Answers the n-th request, whatever it is, with the n-th text. An empty text closes the
// connection; so does the end of a text that ends with k_close.
inline constexpr std::string_view k_close = "<close>";
// At the end of a text: nothing more comes, until the client leaves.
inline constexpr std::string_view k_silence = "<silence>";

class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<std::string> answers) : m_answers(std::move(answers)) {
    m_socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(m_socket, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::listen(m_socket, 16) != 0 ||
        ::getsockname(m_socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      throw std::runtime_error("no socket on the loopback");
    }
    m_port = ntohs(address.sin_port);
    m_thread = std::jthread([this] { serve(); });
  }
  ~ScriptedServer() {
    end();
    ::close(m_socket);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] http::Url url(const std::string& path) const {
    return http::Url::parse("http://127.0.0.1:" + std::to_string(m_port) + path).value();
  }
  // After the exchanges of interest.
  [[nodiscard]] std::vector<std::string> requests() {
    end();
    return m_requests;
  }
  [[nodiscard]] int connections() const { return m_connections; }

 private:
  // A client that still holds its connection open must not keep the thread.
  void end() {
    ::shutdown(m_socket, SHUT_RDWR);
    {
      const std::scoped_lock lock(m_mutex);
      m_ending = true;
      ::shutdown(m_connection, SHUT_RDWR);
    }
    if (m_thread.joinable()) {
      m_thread.join();
    }
  }

  bool begin(int connection) {
    const std::scoped_lock lock(m_mutex);
    m_connection = connection;
    return !m_ending;
  }

  void serve() {
    std::size_t next = 0;
    while (next < m_answers.size()) {
      const int connection = ::accept(m_socket, nullptr, nullptr);
      if (connection < 0) {
        return;
      }
      ++m_connections;
      while (begin(connection) && next < m_answers.size() && receive_request(connection) &&
             answer(connection, m_answers[next++])) {
      }
      begin(-1);
      ::close(connection);
    }
  }

  bool receive_request(int connection) {
    std::string request;
    char byte = 0;
    while (!request.ends_with("\r\n\r\n")) {
      if (::recv(connection, &byte, 1, 0) != 1) {
        return false;
      }
      request += byte;
    }
    m_requests.push_back(request);
    return true;
  }

  static bool answer(int connection, std::string_view text) {
    const bool silent = text.ends_with(k_silence);
    if (silent) {
      text.remove_suffix(k_silence.size());
    }
    const bool close = !silent && (text.ends_with(k_close) || text.empty());
    if (close && !text.empty()) {
      text.remove_suffix(k_close.size());
    }
    while (!text.empty()) {
      const ssize_t sent = ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    char byte = 0;
    while (silent && ::recv(connection, &byte, 1, 0) > 0) {
    }
    return !close;
  }

  std::vector<std::string> m_answers;
  std::vector<std::string> m_requests;
  int m_socket = -1;
  int m_port = 0;
  std::atomic<int> m_connections = 0;
  std::mutex m_mutex;
  int m_connection = -1;
  bool m_ending = false;
  std::jthread m_thread;
};

}  // namespace nai::test
