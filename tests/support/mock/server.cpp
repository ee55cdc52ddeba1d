// SPDX-License-Identifier: Apache-2.0
#include "support/mock/server.hpp"

#include "support/mock/exchange.hpp"
#include "support/mock/sigpipe.hpp"
#include "support/mock/stream.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <system_error>

namespace mock {

namespace {

void check(bool ok, const char* what) {
  if (!ok) {
    throw std::system_error(errno, std::generic_category(), what);
  }
}

Response bad_request() {
  Response response = text_response(400, "Bad Request");
  response.headers.set("Connection", "close");
  return response;
}

}  // namespace

struct Server::Connection {
  Connection(int fd, const TlsContext& tls, Journal& journal, Conditions& conditions)
      : stream(fd, tls), writer(stream, journal, conditions), number(journal.next_connection()) {}

  Stream stream;
  ResponseWriter writer;
  std::uint64_t number;
  std::thread thread;
  std::atomic<bool> finished = false;
};

Server::Server(ServerOptions options, Site& site, Journal& journal, Conditions& conditions)
    : m_options(std::move(options)), m_site(site), m_journal(journal), m_conditions(conditions) {
  start();
}

Server::~Server() { stop(); }

void Server::start() {
  if (m_acceptor.joinable()) {
    return;
  }
  listen();
  m_stopping = false;
  const WithoutSigpipe mask;
  m_acceptor = std::thread([this] { accept_connections(); });
}

void Server::listen() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(m_options.port);
  check(::inet_pton(AF_INET, m_options.address.c_str(), &address.sin_addr) == 1,
        m_options.address.c_str());
  m_listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(m_listener >= 0, "socket");
  const int on = 1;
  ::setsockopt(m_listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (m_options.send_buffer_bytes > 0) {
    ::setsockopt(m_listener, SOL_SOCKET, SO_SNDBUF, &m_options.send_buffer_bytes, sizeof(int));
  }
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool listening = ::bind(m_listener, generic, size) == 0 &&
                         ::listen(m_listener, SOMAXCONN) == 0 &&
                         ::getsockname(m_listener, generic, &size) == 0;
  if (!listening) {
    const int error = errno;
    ::close(m_listener);
    throw std::system_error(error, std::generic_category(),
                            "cannot listen on " + m_options.address);
  }
  m_options.port = ntohs(address.sin_port);
}

void Server::stop() {
  if (!m_acceptor.joinable()) {
    return;
  }
  m_stopping = true;
  ::shutdown(m_listener, SHUT_RDWR);
  m_acceptor.join();
  ::close(m_listener);
  const std::lock_guard lock(m_mutex);
  for (Connection& connection : m_connections) {
    connection.stream.interrupt();
  }
  for (Connection& connection : m_connections) {
    connection.thread.join();
  }
  m_connections.clear();
}

void Server::set_tls(TlsContext tls) {
  const std::lock_guard lock(m_mutex);
  m_options.tls = std::move(tls);
}

void Server::accept_connections() {
  while (!m_stopping) {
    const int fd = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      continue;
    }
    reap_finished();
    const std::lock_guard lock(m_mutex);
    Connection& connection = m_connections.emplace_back(fd, m_options.tls, m_journal, m_conditions);
    connection.thread = std::thread([this, &connection] {
      try {
        serve(connection);
      } catch (const std::exception& error) {
        m_journal.add_violation(std::string("the mock failed: ") + error.what());
      }
      connection.stream.close();
      connection.finished = true;
    });
  }
}

void Server::reap_finished() {
  const std::lock_guard lock(m_mutex);
  for (auto it = m_connections.begin(); it != m_connections.end();) {
    if (it->finished) {
      it->thread.join();
      it = m_connections.erase(it);
    } else {
      ++it;
    }
  }
}

void Server::serve(Connection& connection) {
  if (!connection.stream.handshake()) {
    return;
  }
  RequestReader reader(connection.stream);
  for (;;) {
    Request request;
    const RequestReader::Result result = reader.next(request);
    if (result == RequestReader::Result::malformed) {
      m_journal.add_violation(std::string("malformed request to the ") + to_string(m_options.host));
      connection.writer.write({}, bad_request(), {});
    }
    if (result != RequestReader::Result::request || !serve_one(connection, request)) {
      return;
    }
  }
}

RequestInfo Server::describe(const Connection& connection, const Request& request) const {
  RequestInfo info;
  info.connection = connection.number;
  info.host = m_options.host;
  info.method = request.method;
  info.target = request.target;
  info.host_header = request.headers.get("Host").value_or("");
  info.range = request.headers.get("Range");
  info.had_authorization = request.headers.has("Authorization");
  info.received = std::chrono::steady_clock::now();
  m_site.classify(request, info);
  return info;
}

// False when the connection is of no further use.
bool Server::serve_one(Connection& connection, Request& request) {
  RequestInfo info = describe(connection, request);
  m_journal.begin(info);
  const Fault fault = m_conditions.fault_for(info);
  const auto latency = m_conditions.shaping().latency + fault.latency;
  if (latency.count() > 0 && !connection.stream.pause_until(info.received + latency)) {
    m_journal.finish(info, 0, false);
    return false;
  }
  if (fault.ignore_range) {
    request.headers.remove("Range");
  }
  Response response = fault.answer ? *fault.answer : m_site.answer(request, fault);
  const bool last = equals_ignoring_case(request.headers.get("Connection").value_or(""), "close");
  response.headers.set("Connection", last ? "close" : "keep-alive");
  m_journal.answer(info, response.status);
  const auto outcome = connection.writer.write(info, std::move(response), fault);
  m_journal.finish(info, outcome.body_bytes, outcome.complete);
  return outcome.reusable && !last;
}

}  // namespace mock
