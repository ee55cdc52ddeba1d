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
Answer content() { return answer(206, {{"Content-Range", "bytes 0-4/5"}}, "hello"); }

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

TEST_CASE("shortcut: what the Hub was seen to do is not asked again", "[source]") {
  Bench bench({redirect(target("a")), content(), content()});
  CHECK(bench.fetch("a") == Verdict::success);
  CHECK(bench.fetch("b") == Verdict::success);
  CHECK(bench.client.lines() == std::vector<std::string>{question("a"), direct("a"), direct("b")});
  CHECK(test::has_authorization(bench.client.requests().back()));
}

TEST_CASE("shortcut: a Hub that does otherwise is always asked", "[source]") {
  Bench bench({redirect("/elsewhere/a"), content(), redirect("/elsewhere/b"), content()});
  CHECK(bench.fetch("a") == Verdict::success);
  CHECK(bench.fetch("b") == Verdict::success);
  CHECK(bench.client.lines()[2] == question("b"));
}

TEST_CASE("shortcut: one refusal ends it, and the file is asked for properly", "[source]") {
  for (const int status : {400, 403, 404, 410}) {
    INFO(status);
    Bench bench({redirect(target("a")), content(), answer(status), redirect(target("b")), content(),
                 redirect(target("c")), content()});
    CHECK(bench.fetch("a") == Verdict::success);
    CHECK(bench.fetch("b") == Verdict::success);
    CHECK(bench.fetch("c") == Verdict::success);
    const auto lines = bench.client.lines();
    CHECK(lines[2] == direct("b"));
    CHECK(lines[3] == question("b"));
    CHECK(lines[5] == question("c"));
  }
}

TEST_CASE("shortcut: content of another size ends it too", "[source]") {
  Bench bench({redirect(target("a")), content(),
               answer(206, {{"Content-Range", "bytes 0-4/6"}}, "wrong"), redirect(target("b")),
               content()});
  CHECK(bench.fetch("a") == Verdict::success);
  CHECK(bench.fetch("b") == Verdict::success);
}

TEST_CASE("shortcut: no guess about names that need encoding", "[source]") {
  Bench bench({redirect(target("a")), content(), redirect("/x"), content()});
  CHECK(bench.fetch("a") == Verdict::success);
  CHECK(bench.fetch("b c") == Verdict::success);
  CHECK(bench.client.lines()[2] == question("b%20c"));
}

}  // namespace
}  // namespace nai::source
