// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <string>
#include <vector>

#include <nai/util/error.hpp>

#include <source/nim/ngc_catalog.hpp>
#include <source/nim/registry_client.hpp>

#include "support/captured_log.hpp"
#include "support/fake_client.hpp"
#include "support/fake_clock.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai;
using namespace nai::source;
using test::Answer;
using test::answer;
using test::has_authorization;

// Where keys and passwords go, and where they never do.
namespace {

struct Bench {
  explicit Bench(test::FakeClient::Script script) : client(std::move(script)) {}

  Connection connection() { return {client, clock, log, {.max_attempts = 2}}; }

  test::FakeClient client;
  test::FakeClock clock;
  test::CapturedLog log;
};

NgcEndpoints endpoints() {
  return {*http::Url::parse("https://api.ngc.example"),
          *http::Url::parse("https://auth.example/x")};
}

// The Authorization of each request, by host.
std::vector<std::string> sent(const Bench& bench) {
  std::vector<std::string> result;
  for (const http::Request& request : bench.client.requests()) {
    result.push_back(request.url.host() + " " +
                     std::string(request.headers.find("Authorization").value_or("-")));
  }
  return result;
}

Answer challenge(const std::string& field) { return answer(401, {{"WWW-Authenticate", field}}); }

// Asks `image` for its manifest with a password; every answer is the script's.
std::vector<std::string> asked(const std::string& image, const test::FakeClient::Script& script) {
  Bench bench(script);
  const Connection connection = bench.connection();
  const ImageReference reference = parse_image(image);
  RegistryClient registry(connection, reference, {"user", "secret"},
                          [](const RegistryAnswer& failed, int) {
                            return util::Error(util::ErrorKind::unauthorized, failed.problem);
                          });
  try {
    static_cast<void>(registry.get_manifest("1", {}));
  } catch (const util::Error& error) {
    CHECK(std::string(error.what()).find("secret") == std::string::npos);
  }
  return sent(bench);
}

constexpr const char* k_basic = "Basic dXNlcjpzZWNyZXQ=";

}  // namespace

TEST_CASE("a personal key is the token itself") {
  Bench bench([](const http::Request&) { return answer(200); });
  const Connection connection = bench.connection();
  NgcSession session(connection, endpoints(), "nvapi-x");
  CHECK(session.authorization("nim/meta", {}) == "Bearer nvapi-x");
  CHECK_FALSE(session.renew("nim/meta", "Bearer nvapi-x"));
  CHECK(bench.client.requests().empty());
  CHECK(NgcSession(connection, endpoints(), "").authorization("nim/meta", {}).empty());
}

TEST_CASE("an older key is exchanged for tokens, which are renewed") {
  int number = 0;
  Bench bench([&](const http::Request&) {
    return answer(200, {}, R"({"token":"t)" + std::to_string(++number) + R"(","expires_in":900})");
  });
  const Connection connection = bench.connection();
  NgcSession session(connection, endpoints(), "old-key");
  CHECK(session.authorization("nim/meta", {}) == "Bearer t1");
  CHECK(session.authorization("nim/meta", {}) == "Bearer t1");
  CHECK(session.authorization("nim/nvidia", {}) == "Bearer t2");
  CHECK(session.renew("nim/meta", "Bearer t1"));
  CHECK(session.authorization("nim/meta", {}) == "Bearer t3");
  CHECK(session.renew("nim/meta", "Bearer t1"));  // somebody was faster
  CHECK(session.authorization("nim/meta", {}) == "Bearer t3");
  bench.clock.sleep_until(bench.clock.steady_now() + std::chrono::seconds(601), {});
  CHECK(session.authorization("nim/meta", {}) == "Bearer t4");
  CHECK(bench.client.lines().front() ==
        "GET https://auth.example/x/token?service=ngc&scope=group/ngc:nim/meta");
  CHECK(sent(bench).front() == "auth.example Basic JG9hdXRodG9rZW46b2xkLWtleQ==");
}

TEST_CASE("the key is asked about once, and travels encoded") {
  Bench bench([](const http::Request& request) {
    CHECK(request.method == http::Method::post);
    CHECK(request.body == "credentials=nvapi-a%2Bb");
    return answer(403);
  });
  const Connection connection = bench.connection();
  CHECK(NgcSession(connection, endpoints(), "nvapi-a+b").check_key("", {}) == KeyState::invalid);
  CHECK(NgcSession(connection, endpoints(), "old").check_key("", {}) == KeyState::unknown);
  CHECK(bench.client.requests().size() == 1);
}

TEST_CASE("a password goes to the registry's own host only, and over TLS only") {
  const auto token = answer(200, {}, R"({"access_token":"tok"})");
  const auto script = [&](const std::string& field) {
    return [&, field](const http::Request& request) {
      if (request.url.path().find("/token") != std::string::npos) {
        return token;
      }
      if (has_authorization(request)) {
        return answer(200, {}, "{}");
      }
      return challenge(field);
    };
  };
  CHECK(asked("reg.example/a:1", script("Bearer realm=\"https://reg.example/token\"")) ==
        std::vector<std::string>{"reg.example -", std::string("reg.example ") + k_basic,
                                 "reg.example Bearer tok"});
  CHECK(asked("reg.example/a:1", script("Bearer realm=\"https://evil.example/token\"")) ==
        std::vector<std::string>{"reg.example -", "evil.example -", "reg.example Bearer tok"});
  CHECK(asked("nvcr.io/a:1", script("Bearer realm=\"https://authn.nvidia.com/token\"")) ==
        std::vector<std::string>{"nvcr.io -", std::string("authn.nvidia.com ") + k_basic,
                                 "nvcr.io Bearer tok"});
  // A registry that is spoken to in the clear gets nothing.
  for (const std::string& line : asked("http://reg.example/a:1", script("Basic realm=x"))) {
    CHECK(line == "reg.example -");
  }
  for (const std::string& line :
       asked("reg.example/a:1", script("Bearer realm=\"http://reg.example/token\""))) {
    CHECK(line == "reg.example -");
  }
}

TEST_CASE("a redirect to another host carries no token") {
  const auto lines = asked("reg.example/a:1", [](const http::Request& request) {
    if (request.url.host() != "reg.example") {
      return answer(200, {}, "{}");
    }
    if (!has_authorization(request)) {
      return challenge("Basic realm=x");
    }
    return answer(307, {{"Location", "https://layers.example/x?sig=1"}});
  });
  CHECK(lines == std::vector<std::string>{"reg.example -", std::string("reg.example ") + k_basic,
                                          "layers.example -"});
}

TEST_CASE("versions are encoded in addresses") {
  const NgcVersion version{"nim/meta/llama-3_1", "0.11.1+ba20956e"};
  CHECK(version.files_path("a b/c+d") ==
        "v2/org/nim/team/meta/models/llama-3_1/versions/0.11.1%2Bba20956e/files/a%20b/c%2Bd");
  CHECK(NgcVersion{"org/model", "1"}.model_path() == "v2/org/org/models/model");
  CHECK(version.scope() == "nim/meta");
}

TEST_CASE("a key of the older kind is known when a token can be had for it") {
  int status = 200;
  std::string body = R"({"token":"t"})";
  Bench bench([&](const http::Request&) { return answer(status, {}, body); });
  const Connection connection = bench.connection();
  NgcSession session(connection, endpoints(), "old");
  CHECK(session.check_key("nim/meta", {}) == KeyState::valid);
  // What cannot stand in a header is no token.
  body = R"({"token":"t\r\nX-Evil: 1"})";
  CHECK(session.check_key("nim/meta", {}) == KeyState::unknown);
  CHECK_THROWS_AS(session.authorization("nim/meta", {}), util::Error);
  status = 401;
  CHECK(session.check_key("nim/meta", {}) == KeyState::invalid);
  CHECK_THROWS_WITH(session.authorization("nim/meta", {}),
                    ContainsSubstring("auth.example refused the NGC key for nim/meta: 401"));
}

TEST_CASE("an older key goes over TLS only") {
  Bench bench([](const http::Request&) { return answer(200, {}, R"({"token":"t"})"); });
  const Connection connection = bench.connection();
  NgcSession session(
      connection, {*http::Url::parse("https://a.example"), *http::Url::parse("http://b.example")},
      "old");
  CHECK_THROWS_WITH(session.authorization("nim/meta", {}),
                    ContainsSubstring("NGC_AUTH_ENDPOINT is http://b.example"));
  CHECK(session.check_key("nim/meta", {}) == KeyState::unknown);
  CHECK(bench.client.requests().empty());
}

TEST_CASE("nobody's words show a key, encoded or not") {
  Bench bench([](const http::Request&) { return answer(200); });
  const Connection connection = bench.connection();
  const NgcSession session(connection, endpoints(), "old-key");
  CHECK(session.without_key("old-key, Basic JG9hdXRodG9rZW46b2xkLWtleQ==") == "***, Basic ***");
  CHECK(NgcSession(connection, endpoints(), "*").without_key("a*b") == "a***b");
}
