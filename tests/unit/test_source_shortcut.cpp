// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

#include <source/hugging_face/fetch.hpp>

#include "support/captured_log.hpp"
#include "support/fake_client.hpp"
#include "support/fake_clock.hpp"

namespace nai::source {
namespace {

using http::Verdict;
using test::Answer;
using test::answer;

const std::string k_commit(40, 'c');
const std::string k_oid(40, 'b');

Artifact regular(const std::string& path) {
  return {.path = path,
          .size = 5,
          .digest = *digest::Digest::from_hex(digest::Algorithm::git_blob_sha1, k_oid)};
}

std::string question(const std::string& path) {
  return "GET https://hub.example/acme/tiny/resolve/" + k_commit + "/" + path;
}

std::string target(const std::string& path) {
  return "/api/resolve-cache/models/acme/tiny/" + k_commit + "/" + path + "?%2Facme%2Ftiny%2F" +
         "resolve%2F" + k_commit + "%2F" + path + "=&etag=%22" + k_oid + "%22";
}

std::string direct(const std::string& path) { return "GET https://hub.example" + target(path); }

Answer redirect(const std::string& location) { return answer(307, {{"Location", location}}); }
Answer content(const std::string& etag = k_oid) {
  return answer(206, {{"Content-Range", "bytes 0-4/5"}, {"ETag", "\"" + etag + "\""}}, "hello");
}

class Drop : public RangeSink {
 public:
  bool write(std::span<const std::byte>) override { return true; }
};

struct Bench {
  explicit Bench(std::vector<Answer> answers) : client(std::move(answers)) {}

  Verdict fetch(const std::string& path) {
    const Artifact artifact = regular(path);
    return fetcher.fetch({.artifact = artifact, .range = {0, 5}, .sink = sink}, {}).verdict;
  }

  test::FakeClient client;
  test::FakeClock clock;
  test::CapturedLog log;
  Hub hub{{.endpoint = http::Url::parse("https://hub.example").value(),
           .repository = "acme/tiny",
           .revision = {},
           .token = "hf_secret"},
          client,
          clock,
          log};
  Fetcher fetcher{hub, k_commit};
  Drop sink;
};

TEST_CASE("shortcut: a regular file takes one request", "[source]") {
  Bench bench({content(), content()});
  CHECK(bench.fetch("a") == Verdict::success);
  CHECK(bench.fetch("b") == Verdict::success);
  CHECK(bench.client.lines() == std::vector<std::string>{direct("a"), direct("b")});
  CHECK(test::has_authorization(bench.client.requests().back()));
}

TEST_CASE("shortcut: a Hub where any other answer came first is always asked", "[source]") {
  const std::vector<Answer> others = {
      answer(404),
      answer(403),
      answer(500),
      redirect("/login"),
      redirect("https://sso.example/"),
      answer(200, {{"Content-Length", "12"}}, "<html></html>"),
      answer(206, {{"Content-Range", "bytes 0-4/5"}}, "<htm>"),  // without the file's tag
      test::broken(http::TransportFailure::closed),
  };
  for (const Answer& other : others) {
    INFO(other.status);
    Bench bench({other, redirect("/elsewhere/a"), content(), redirect("/elsewhere/b"), content()});
    CHECK(bench.fetch("a") == Verdict::success);
    CHECK(bench.fetch("b") == Verdict::success);
    const auto lines = bench.client.lines();
    REQUIRE(lines.size() == 5);
    CHECK(lines[0] == direct("a"));
    CHECK(lines[1] == question("a"));
    CHECK(lines[3] == question("b"));
  }
}

TEST_CASE("shortcut: too many requests is no reason to ask elsewhere", "[source]") {
  Bench bench({answer(429), content()});
  CHECK(bench.fetch("a") == Verdict::rate_limited);
  CHECK(bench.client.lines() == std::vector<std::string>{direct("a")});
}

TEST_CASE("shortcut: after a first failure the Hub's own redirect shows it", "[source]") {
  Bench bench({answer(503), redirect(target("a")), content(), content()});
  CHECK(bench.fetch("a") == Verdict::success);
  CHECK(bench.fetch("b") == Verdict::success);
  CHECK(bench.client.lines() ==
        std::vector<std::string>{direct("a"), question("a"), direct("a"), direct("b")});
}

TEST_CASE("shortcut: an error after it had worked is tried again there", "[source]") {
  Bench bench({content(), answer(500), content()});
  CHECK(bench.fetch("a") == Verdict::success);
  CHECK(bench.fetch("b") == Verdict::retry);
  CHECK(bench.fetch("b") == Verdict::success);
  CHECK(bench.client.lines()[2] == direct("b"));
}

TEST_CASE("shortcut: a refusal after it had worked ends it for good", "[source]") {
  for (const int status : {400, 403, 404, 410}) {
    INFO(status);
    Bench bench({content(), answer(status), redirect(target("b")), content(), redirect(target("c")),
                 content()});
    CHECK(bench.fetch("a") == Verdict::success);
    CHECK(bench.fetch("b") == Verdict::success);
    CHECK(bench.fetch("c") == Verdict::success);
    const auto lines = bench.client.lines();
    CHECK(lines[1] == direct("b"));
    CHECK(lines[2] == question("b"));
    CHECK(lines[4] == question("c"));
  }
}

TEST_CASE("shortcut: another file ends it too", "[source]") {
  const std::vector<Answer> others = {
      answer(206, {{"Content-Range", "bytes 0-4/6"}}, "wrong"),
      content(std::string(40, 'd')),
  };
  for (const Answer& other : others) {
    Bench bench({content(), other, redirect(target("b")), content()});
    CHECK(bench.fetch("a") == Verdict::success);
    CHECK(bench.fetch("b") == Verdict::success);
  }
}

TEST_CASE("shortcut: no guess about names that need encoding", "[source]") {
  Bench bench({content(), redirect("/x"), content()});
  CHECK(bench.fetch("a") == Verdict::success);
  CHECK(bench.fetch("b c") == Verdict::success);
  CHECK(bench.client.lines()[1] == question("b%20c"));
}

}  // namespace
}  // namespace nai::source
