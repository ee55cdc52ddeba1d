// SPDX-License-Identifier: Apache-2.0
#include "support/mock/raw_client.hpp"

#include "support/mock/sigpipe.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <stdexcept>

namespace mock {

namespace {

struct Endpoint {
  bool tls = false;
  std::string address;
  std::string authority;  // with the port
};

Endpoint parse_endpoint(const std::string& url) {
  Endpoint endpoint{.tls = url.starts_with("https://"),
                    .address = "",
                    .authority = url.substr(url.find("//") + 2)};
  endpoint.authority = endpoint.authority.substr(0, endpoint.authority.find('/'));
  const std::string host = endpoint.authority.substr(0, endpoint.authority.find(':'));
  endpoint.address = host == "localhost" ? "127.0.0.1" : host;
  return endpoint;
}

int connect_to(const Endpoint& endpoint) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  const std::string port = endpoint.authority.substr(endpoint.authority.find(':') + 1);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  ::inet_pton(AF_INET, endpoint.address.c_str(), &address.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    throw std::runtime_error("cannot connect to " + endpoint.authority);
  }
  return fd;
}

}  // namespace

struct RawClient::Link {
  explicit Link(int descriptor) : fd(descriptor) {}
  ~Link() {
    SSL_free(ssl);
    SSL_CTX_free(context);
    ::close(fd);
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void start_tls(const std::string& address, const std::string& ca_pem) {
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    BIO* bio = BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size()));
    X509* authority = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
    X509_free(authority);
    BIO_free(bio);
    ssl = SSL_new(context);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address.c_str());
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1) {
      throw std::runtime_error("no TLS connection: " + std::string(X509_verify_cert_error_string(
                                                           SSL_get_verify_result(ssl))));
    }
  }

  int fd;
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
};

RawClient::RawClient(const std::string& url, const std::string& ca_pem) {
  const WithoutSigpipe mask;
  const Endpoint endpoint = parse_endpoint(url);
  m_host = endpoint.authority;
  m_link = std::make_unique<Link>(connect_to(endpoint));
  if (endpoint.tls) {
    m_link->start_tls(endpoint.address, ca_pem);
  }
}

RawClient::~RawClient() = default;

Reply RawClient::get(std::string_view target, const Headers& headers) {
  return send("GET", target, headers);
}

Reply RawClient::send(std::string_view method, std::string_view target, const Headers& headers,
                      std::string_view body) {
  std::string text(method);
  text.append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(m_host).append("\r\n");
  for (const auto& [name, value] : headers.fields()) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  if (!body.empty()) {
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  return send_raw(text.append("\r\n").append(body), method == "HEAD");
}

Reply RawClient::send_raw(std::string_view bytes, bool is_head) {
  const WithoutSigpipe mask;
  if (m_link->ssl != nullptr) {
    SSL_write(m_link->ssl, bytes.data(), static_cast<int>(bytes.size()));
  } else {
    [[maybe_unused]] const ssize_t count =
        ::send(m_link->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  Reply reply;
  std::size_t end = 0;
  while ((end = m_pending.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) {
      return reply;
    }
  }
  const std::vector<std::string> lines = split(m_pending.substr(0, end), '\n');
  m_pending.erase(0, end + 4);
  reply.status = std::stoi(lines[0].substr(9, 3));
  for (std::size_t i = 1; i < lines.size(); ++i) {
    std::string line = lines[i];
    line.erase(line.find_last_not_of('\r') + 1);
    const auto colon = line.find(": ");
    reply.headers.add(line.substr(0, colon), line.substr(colon + 2));
  }
  reply.complete = true;
  if (!is_head && reply.status != 304) {
    read_body(reply);
  }
  return reply;
}

std::string RawClient::target_of(const std::string& url) {
  return url.substr(url.find('/', url.find("//") + 2));
}

bool RawClient::fill() {
  std::array<char, 65536> buffer{};
  const ssize_t count = m_link->ssl != nullptr
                            ? SSL_read(m_link->ssl, buffer.data(), static_cast<int>(buffer.size()))
                            : ::recv(m_link->fd, buffer.data(), buffer.size(), 0);
  if (count > 0) {
    m_pending.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return count > 0;
}

std::string RawClient::read_exactly(std::size_t count) {
  while (m_pending.size() < count && fill()) {
  }
  std::string bytes = m_pending.substr(0, count);
  m_pending.erase(0, count);
  return bytes;
}

void RawClient::read_body(Reply& reply) {
  if (const auto length = reply.headers.get("Content-Length")) {
    const auto count = static_cast<std::size_t>(std::stoull(*length));
    reply.body = read_exactly(count);
    reply.complete = reply.body.size() == count;
  } else if (reply.headers.has("Transfer-Encoding")) {
    read_chunks(reply);
  } else {
    while (fill()) {
    }
    reply.body.swap(m_pending);
  }
}

void RawClient::read_chunks(Reply& reply) {
  for (;;) {
    while (m_pending.find("\r\n") == std::string::npos) {
      if (!fill()) {
        reply.complete = false;
        return;
      }
    }
    const std::size_t count = std::stoul(m_pending, nullptr, 16);
    m_pending.erase(0, m_pending.find("\r\n") + 2);
    const std::string chunk = read_exactly(count + 2);
    if (chunk.size() != count + 2) {
      reply.body += chunk;
      reply.complete = false;
      return;
    }
    reply.body += chunk.substr(0, count);
    if (count == 0) {
      return;
    }
  }
}

}  // namespace mock
