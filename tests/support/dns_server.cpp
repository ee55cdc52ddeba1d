// SPDX-License-Identifier: Apache-2.0
#include "support/dns_server.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace nai::test {

namespace {

constexpr std::size_t k_header_bytes = 12;
constexpr std::size_t k_udp_bytes = 512;
constexpr int k_type_a = 1;
constexpr int k_type_aaaa = 28;

// -1 and errno when the address is not free.
int bound_socket(const std::string& address, int type) {
  const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
  // For TCP only, where it skips over connections that linger; UDP servers would share the address.
  const int one = type == SOCK_STREAM ? 1 : 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(53);
  ::inet_pton(AF_INET, address.c_str(), &at.sin_addr);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    const int problem = errno;
    ::close(fd);
    errno = problem;
    return -1;
  }
  return fd;
}

void append16(std::string& out, unsigned value) {
  out.push_back(static_cast<char>(value >> 8U));
  out.push_back(static_cast<char>(value & 0xFFU));
}

unsigned read16(const std::string& text) {
  return static_cast<unsigned char>(text[0]) * 256U + static_cast<unsigned char>(text[1]);
}

// The name in the question, and where what follows it begins.
std::pair<std::string, std::size_t> question_name(const std::string& query) {
  std::string name;
  std::size_t at = k_header_bytes;
  while (at < query.size() && query[at] != 0) {
    const auto length = static_cast<unsigned char>(query[at]);
    name += (name.empty() ? "" : ".") + query.substr(at + 1, length);
    at += 1U + length;
  }
  return {name, at + 1};
}

// The resource record's data; empty when the address is of another family.
std::string address_bytes(const std::string& address, unsigned type) {
  std::array<char, 16> bytes{};
  if (type == k_type_a && ::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) {
    return {bytes.data(), 4};
  }
  if (type == k_type_aaaa && ::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) {
    return {bytes.data(), 16};
  }
  return {};
}

}  // namespace

DnsServer::DnsServer(Records records) : m_records(std::move(records)) {
  bind_to_a_free_address();
  ::listen(m_tcp, 16);
  m_udp_thread = std::jthread([this] { serve_udp(); });
  m_tcp_thread = std::jthread([this] { serve_tcp(); });
}

void DnsServer::bind_to_a_free_address() {
  for (int host = 1; host < 255; ++host) {
    m_address = "127.53.0." + std::to_string(host);
    m_udp = bound_socket(m_address, SOCK_DGRAM);
    if (m_udp >= 0) {
      m_tcp = bound_socket(m_address, SOCK_STREAM);
    }
    if (m_tcp >= 0) {
      return;
    }
    const int problem = errno;
    if (m_udp >= 0) {
      ::close(m_udp);
    }
    if (problem != EADDRINUSE) {
      throw std::system_error(problem, std::generic_category(), "cannot bind " + m_address + ":53");
    }
  }
  throw std::system_error(EADDRINUSE, std::generic_category(), "no free address");
}

DnsServer::~DnsServer() {
  // Too short for a query: the end of the UDP thread. accept() fails after shutdown().
  sockaddr_in self{};
  socklen_t length = sizeof self;
  ::getsockname(m_udp, reinterpret_cast<sockaddr*>(&self), &length);
  ::sendto(m_udp, "", 0, 0, reinterpret_cast<const sockaddr*>(&self), length);
  ::shutdown(m_tcp, SHUT_RDWR);
  m_udp_thread.join();
  m_tcp_thread.join();
  ::close(m_udp);
  ::close(m_tcp);
}

std::vector<std::string> DnsServer::questions() const {
  const std::scoped_lock lock(m_mutex);
  return m_questions;
}

bool DnsServer::wait_for_questions(std::size_t count, std::chrono::seconds timeout) const {
  std::unique_lock lock(m_mutex);
  return m_asked.wait_for(lock, timeout, [&] { return m_questions.size() >= count; });
}

void DnsServer::set_trouble(Trouble trouble, const std::string& part) {
  const std::scoped_lock lock(m_mutex);
  m_trouble = trouble;
  m_troubled = part;
}

std::string DnsServer::answer(const std::string& query, bool over_tcp) {
  const auto [name, type_at] = question_name(query);
  const unsigned type = static_cast<unsigned char>(query.at(type_at + 1));
  Trouble trouble = Trouble::none;
  {
    const std::scoped_lock lock(m_mutex);
    m_questions.push_back((over_tcp ? "tcp:" : "") + name);
    trouble = name.find(m_troubled) == std::string::npos ? Trouble::none : m_trouble;
  }
  m_asked.notify_all();
  if (trouble == Trouble::silence) {
    return "";
  }
  const auto found = trouble == Trouble::none ? m_records.find(name) : m_records.end();
  std::string records;
  unsigned count = 0;
  for (const auto& address :
       found == m_records.end() ? std::vector<std::string>{} : found->second) {
    const std::string data = address_bytes(address, type);
    if (!data.empty()) {
      ++count;
      append16(records, 0xC00C);  // the name in the question
      append16(records, type);
      append16(records, 1);
      records += std::string("\0\0\0\x3c", 4);
      append16(records, static_cast<unsigned>(data.size()));
      records += data;
    }
  }
  const bool cut = !over_tcp && k_header_bytes + type_at + records.size() > k_udp_bytes;
  std::string out = query.substr(0, 2);
  const unsigned failure = trouble == Trouble::server_failure ? 2U
                           : found == m_records.end()         ? 3U
                                                              : 0U;
  append16(out, 0x8580U | (cut ? 0x0200U : 0U) | failure);
  append16(out, 1);
  append16(out, cut ? 0 : count);
  append16(out, 0);
  append16(out, 0);
  out += query.substr(k_header_bytes, type_at + 4 - k_header_bytes);
  return out + (cut ? "" : records);
}

void DnsServer::serve_udp() {
  std::array<char, 4096> buffer{};
  while (true) {
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    const ssize_t got = ::recvfrom(m_udp, buffer.data(), buffer.size(), 0,
                                   reinterpret_cast<sockaddr*>(&peer), &length);
    if (got <= static_cast<ssize_t>(k_header_bytes)) {
      return;
    }
    const std::string reply = answer({buffer.data(), static_cast<std::size_t>(got)}, false);
    if (!reply.empty()) {
      ::sendto(m_udp, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&peer),
               length);
    }
  }
}

void DnsServer::serve_tcp() {
  int connection = -1;
  while ((connection = ::accept4(m_tcp, nullptr, nullptr, SOCK_CLOEXEC)) >= 0) {
    std::array<char, 4096> buffer{};
    // Each query stands behind its length in two bytes. glibc sends two at once, for both families.
    std::string received;
    ssize_t got = 0;
    while ((got = ::recv(connection, buffer.data(), buffer.size(), 0)) > 0) {
      received.append(buffer.data(), static_cast<std::size_t>(got));
      while (received.size() > 2 && received.size() >= 2U + read16(received)) {
        const std::string reply = answer(received.substr(2, read16(received)), true);
        received.erase(0, 2U + read16(received));
        std::string framed;
        append16(framed, static_cast<unsigned>(reply.size()));
        framed += reply;
        ::send(connection, framed.data(), framed.size(), MSG_NOSIGNAL);
      }
    }
    ::close(connection);
  }
}

}  // namespace nai::test
