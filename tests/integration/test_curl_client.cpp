// SPDX-License-Identifier: Apache-2.0
// The libcurl client against a server that says exactly what each test scripts, byte by byte.
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <nai/http/curl_client.hpp>

#include "support/scripted_server.hpp"

namespace nai::http {
namespace {

using test::k_close;
using test::k_silence;
using test::ScriptedServer;

class RecordingSink : public BodySink {
 public:
  bool on_response(const Response& head) override {
    heads.push_back(head.status);
    return wanted;
  }
  bool on_data(std::span<const std::byte> data) override {
    if (throws) {
      throw std::runtime_error("no space");
    }
    for (const std::byte byte : data) {
      body += static_cast<char>(byte);
    }
    return body.size() < enough;
  }

  std::vector<int> heads;
  std::string body;
  bool wanted = true;
  bool throws = false;
  std::size_t enough = std::string::npos;
};

std::string response(std::string_view status, std::string_view body) {
  return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

TEST_CASE("curl client: request and response", "[http]") {
  ScriptedServer server(
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 206 Partial Content\r\nX-One: a\r\n"
       "x-one: b\r\nContent-Length: 5\r\n\r\nhello",
       response("200 OK", "again")});
  const auto client = make_curl_client({.user_agent = "nai/1"});
  RecordingSink sink;
  Request request{.url = server.url("/a/../b?x=%20y"), .range = util::ByteRange{10, 5}};
  request.headers.add("Authorization", "Bearer secret");
  const Response first = client->send(request, sink, {});
  CHECK_FALSE(first.error);
  CHECK(first.status == 206);
  CHECK(first.reason == "Partial Content");
  CHECK(first.headers.find("X-ONE") == "a");
  CHECK(first.body_bytes == 5);
  CHECK(sink.heads == std::vector<int>{206});
  CHECK(sink.body == "hello");

  const TextResponse second = send_for_text(*client, {.url = server.url("/c")}, 3, {});
  CHECK(second.body == "aga");
  CHECK(second.truncated);
  CHECK(second.response.refused_by_sink);

  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].starts_with("GET /a/../b?x=%20y HTTP/1.1\r\n"));
  CHECK(requests[0].find("\r\nRange: bytes=10-14\r\n") != std::string::npos);
  CHECK(requests[0].find("\r\nUser-Agent: nai/1\r\n") != std::string::npos);
  CHECK(requests[0].find("\r\nAccept-Encoding: identity\r\n") != std::string::npos);
  CHECK(requests[0].find("\r\nAuthorization: Bearer secret\r\n") != std::string::npos);
  CHECK(requests[1].find("Authorization") == std::string::npos);
  CHECK(requests[1].find("Range") == std::string::npos);
  CHECK(server.connections() == 1);
}

TEST_CASE("curl client: redirects are answers, not followed", "[http]") {
  ScriptedServer server(
      {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 2\r\n\r\n:)",
       response("200 OK", "")});
  const auto client = make_curl_client({});
  RecordingSink sink;
  sink.wanted = false;
  const Response redirect = client->send({.url = server.url("/")}, sink, {});
  CHECK(redirect.status == 302);
  CHECK(redirect.refused_by_sink);
  CHECK_FALSE(redirect.error);
  CHECK(sink.body.empty());
  // The short body was drained: the connection goes on.
  CHECK(client->send({.url = server.url("/")}, sink, {}).status == 200);
  CHECK(server.connections() == 1);
}

TEST_CASE("curl client: the sink has had enough", "[http]") {
  const std::string large(1024 * 1024, 'x');
  ScriptedServer server(
      {response("200 OK", large), response("200 OK", large), response("200 OK", "fine")});
  const auto client = make_curl_client({});
  SECTION("refused at the header") {
    RecordingSink sink;
    sink.wanted = false;
    const Response refused = client->send({.url = server.url("/")}, sink, {});
    CHECK(refused.refused_by_sink);
    CHECK_FALSE(refused.error);
    CHECK(refused.body_bytes == 0);
  }
  SECTION("refused within the body") {
    RecordingSink sink;
    sink.enough = 1;
    const Response refused = client->send({.url = server.url("/")}, sink, {});
    CHECK(refused.refused_by_sink);
    CHECK_FALSE(refused.error);
    CHECK(refused.body_bytes >= 1);
  }
  SECTION("thrown out of") {
    RecordingSink sink;
    sink.throws = true;
    CHECK_THROWS_AS(client->send({.url = server.url("/")}, sink, {}), std::runtime_error);
    RecordingSink next;
    CHECK(client->send({.url = server.url("/")}, next, {}).body_bytes == large.size());
  }
}

TEST_CASE("curl client: trouble on the wire is a value", "[http]") {
  struct Row {
    std::string name;
    std::string answer;
    TransportFailure failure;
    int status;
  };
  const std::vector<Row> rows = {
      {"no answer", "", TransportFailure::closed, 0},
      {"cut in the header", "HTTP/1.1 200 OK\r\nContent-Le<close>", TransportFailure::closed, 200},
      {"cut in the body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal<close>",
       TransportFailure::closed, 200},
      {"cut in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhal<close>",
       TransportFailure::closed, 200},
      {"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n<close>", TransportFailure::protocol, 0},
      {"endless header",
       "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n" + std::string(k_close),
       TransportFailure::protocol, 200},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      ScriptedServer server({row.answer});
      const auto client = make_curl_client({});
      RecordingSink sink;
      const Response response = client->send({.url = server.url("/x?secret=1")}, sink, {});
      REQUIRE(response.error);
      CHECK(response.error->failure == row.failure);
      CHECK(response.status == row.status);
      CHECK_FALSE(response.error->message.empty());
      CHECK(response.error->message.find("secret") == std::string::npos);
    }
  }
}

TEST_CASE("curl client: nobody listens, nobody is called so", "[http]") {
  const auto client = make_curl_client({});
  RecordingSink sink;
  // Port 1 of the loopback: nothing listens there.
  const Response refused =
      client->send({.url = Url::parse("http://127.0.0.1:1/").value()}, sink, {});
  REQUIRE(refused.error);
  CHECK(refused.error->failure == TransportFailure::connect);
  CHECK(refused.error->message.find("127.0.0.1") != std::string::npos);
  // RFC 6761 keeps this name from ever resolving.
  const Response unknown =
      client->send({.url = Url::parse("http://no-such-host.invalid/").value()}, sink, {});
  REQUIRE(unknown.error);
  CHECK(unknown.error->failure == TransportFailure::name_resolution);
  CHECK(unknown.error->message.find("no-such-host.invalid") != std::string::npos);
}

TEST_CASE("curl client: stop ends an exchange that waits", "[http]") {
  // The header never ends.
  ScriptedServer server({"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal"});
  const auto client = make_curl_client({});
  std::stop_source source;

  struct StoppingSink : RecordingSink {
    std::stop_source* stop = nullptr;
    bool on_data(std::span<const std::byte> data) override {
      stop->request_stop();
      return RecordingSink::on_data(data);
    }
  } sink;
  sink.stop = &source;
  const Response response = client->send({.url = server.url("/")}, sink, source.get_token());
  REQUIRE(response.error);
  CHECK(response.error->failure == TransportFailure::stopped);
  CHECK(sink.body == "hal");

  RecordingSink unused;
  const Response never = client->send({.url = server.url("/")}, unused, source.get_token());
  REQUIRE(never.error);
  CHECK(never.error->failure == TransportFailure::stopped);
  CHECK(unused.heads.empty());
}

TEST_CASE("curl client: stalls", "[http]") {
  struct Row {
    std::string name;
    std::string answer;
    TransportFailure failure;
  };
  for (const Row& row :
       {Row{"before the header", "", TransportFailure::timed_out},
        Row{"inside the header", "HTTP/1.1 200 OK\r\nA: b\r\n", TransportFailure::timed_out},
        Row{"inside the body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal",
            TransportFailure::stalled}}) {
    DYNAMIC_SECTION(row.name) {
      ScriptedServer server({row.answer + std::string(k_silence)});
      const auto client = make_curl_client(
          {.connect_timeout = std::chrono::seconds{1}, .stall_timeout = std::chrono::seconds{1}});
      RecordingSink sink;
      const Response response = client->send({.url = server.url("/")}, sink, {});
      REQUIRE(response.error);
      INFO(response.error->message);
      CHECK(response.error->failure == row.failure);
    }
  }
}

TEST_CASE("curl client: an exchange that goes on too long", "[http]") {
  ScriptedServer server(
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal" + std::string(k_silence)});
  const auto client = make_curl_client({});
  RecordingSink sink;
  const Response response =
      client->send({.url = server.url("/"), .time_limit = std::chrono::seconds{1}}, sink, {});
  REQUIRE(response.error);
  CHECK(response.error->failure == TransportFailure::timed_out);
  CHECK(response.error->message.find("within 1 s") != std::string::npos);
}

// A value of the environment while this object lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : m_name(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(m_name); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* m_name;
};

TEST_CASE("curl client: proxies from the environment", "[http]") {
  const auto client = make_curl_client({});
  RecordingSink sink;
  const Request plain{.url = Url::parse("http://hub.test/x").value()};
  const Request secure{.url = Url::parse("https://hub.test/x").value()};

  SECTION("serve") {
    ScriptedServer proxy({response("200 OK", "proxied")});
    const Variable variable("http_proxy", proxy.url("").display());
    CHECK_FALSE(client->send(plain, sink, {}).error);
    CHECK(sink.body == "proxied");
    CHECK(proxy.requests()[0].starts_with("GET http://hub.test/x HTTP/1.1\r\n"));
  }
  SECTION("are passed by where NO_PROXY says so") {
    ScriptedServer server({response("200 OK", "direct")});
    const Variable variable("http_proxy", "http://127.0.0.1:1");
    const Variable exception("no_proxy", "127.0.0.1");
    CHECK_FALSE(client->send({.url = server.url("/")}, sink, {}).error);
    CHECK(sink.body == "direct");
  }
  SECTION("fail under their own name, without their password") {
    ScriptedServer unwilling(
        {"HTTP/1.1 407 Proxy Authentication Required\r\n"
         "Content-Length: 0\r\n\r\n<close>",
         "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n<close>"});
    struct Row {
      std::string proxy;
      Request request;
    };
    for (const Row& row :
         {Row{"http://user:secret@127.0.0.1:1", plain},
          Row{"http://user:secret@127.0.0.1:1", secure},
          Row{"http://user:secret@no-such-host.invalid:3128", secure},
          Row{"http://user:secret@host:bad", secure}, Row{"user:secret@[host:3128", secure},
          Row{unwilling.url("").display(), plain}, Row{unwilling.url("").display(), secure}}) {
      INFO(row.request.url.display() + " through " + row.proxy);
      const Variable all("ALL_PROXY", row.proxy);
      const Response response = client->send(row.request, sink, {});
      REQUIRE(response.error);
      INFO(response.error->message);
      CHECK(response.error->failure == TransportFailure::proxy);
      CHECK(response.error->message.find("secret") == std::string::npos);
      CHECK(response.error->message.find("hub.test") != std::string::npos);
    }
  }
}

TEST_CASE("curl client: versions", "[http]") {
  CHECK(http_library_versions().starts_with("libcurl/"));
  CHECK(http_library_versions().find(" OpenSSL/") != std::string::npos);
}

}  // namespace
}  // namespace nai::http
