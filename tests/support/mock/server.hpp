// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/certificates.hpp"
#include "support/mock/conditions.hpp"
#include "support/mock/journal.hpp"
#include "support/mock/site.hpp"

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace mock {

struct ServerOptions {
  Host host = Host::hub;
  std::string address = "127.0.0.1";  // IPv4 to listen on
  std::uint16_t port = 0;             // 0: any free one
  TlsContext tls = nullptr;           // none: plain HTTP
  int send_buffer_bytes = 0;          // SO_SNDBUF; 0: the kernel's choice
};

// An HTTP/1.1 server with one thread for each connection. The objects it refers to must outlive it.
class Server {
 public:
  // Listens at once; throws std::system_error.
  Server(ServerOptions options, Site& site, Journal& journal, Conditions& conditions);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const { return m_options.port; }

  // Cuts all connections and refuses new ones until `start`, which takes the same port again.
  void stop();
  void start();

  // For connections made from now on.
  void set_tls(TlsContext tls);

 private:
  struct Connection;

  void listen();
  void accept_connections();
  void serve(Connection& connection);
  RequestInfo describe(const Connection& connection, const Request& request) const;
  bool serve_one(Connection& connection, Request& request);
  void reap_finished();

  ServerOptions m_options;
  Site& m_site;
  Journal& m_journal;
  Conditions& m_conditions;
  int m_listener = -1;
  std::atomic<bool> m_stopping = false;
  std::thread m_acceptor;
  std::mutex m_mutex;  // guards m_connections and m_options.tls
  std::list<Connection> m_connections;
};

}  // namespace mock
