// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace nai::test {

// A name server on port 53 of a free loopback address (resolv.conf cannot name a port), over UDP
// and TCP. What does not fit into 512 bytes is cut over UDP, so that the client must come again
// over TCP. Needs root.
class DnsServer {
 public:
  // Names without a final dot, to IPv4 and IPv6 addresses. Others do not exist.
  using Records = std::map<std::string, std::vector<std::string>>;

  // Throws std::system_error when it cannot listen.
  explicit DnsServer(Records records);
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  [[nodiscard]] const std::string& address() const { return m_address; }
  // The names asked for, in order, with "tcp:" before those that came that way.
  [[nodiscard]] std::vector<std::string> questions() const;
  // False after the timeout.
  [[nodiscard]] bool wait_for_questions(std::size_t count, std::chrono::seconds timeout) const;

  enum class Trouble { none, server_failure, unknown_names, silence };
  // From now on, for names that contain `part`.
  void set_trouble(Trouble trouble, const std::string& part = "");

 private:
  void serve_udp();
  void serve_tcp();
  // Empty: none.
  [[nodiscard]] std::string answer(const std::string& query, bool over_tcp);

  void bind_to_a_free_address();

  const Records m_records;
  std::string m_address;
  int m_udp = -1;
  int m_tcp = -1;
  mutable std::mutex m_mutex;
  mutable std::condition_variable m_asked;
  std::vector<std::string> m_questions;
  Trouble m_trouble = Trouble::none;
  std::string m_troubled;
  std::jthread m_udp_thread;
  std::jthread m_tcp_thread;
};

}  // namespace nai::test
