// SPDX-License-Identifier: Apache-2.0
// Fetcher against a scripted client: what the mock Hub cannot be made to say.
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <source/hugging_face/fetch.hpp>

#include "support/captured_log.hpp"
#include "support/fake_client.hpp"
#include "support/fake_clock.hpp"

namespace nai::source {
namespace {

using http::Verdict;
using test::Answer;
using test::answer;
using test::FakeClient;

const std::string k_commit(40, 'c');
const std::string k_location = "https://cdn.example/x?X-Amz-Expires=3600&X-Amz-Signature=secret";
const std::string k_question = "GET https://hub.example/acme/tiny/resolve/" + k_commit + "/dir/f";

Artifact artifact(std::uint64_t size = 100) {
  return {.path = "dir/f",
          .size = size,
          .digest = *digest::Digest::from_hex(digest::Algorithm::sha256, std::string(64, 'a'))};
}

Artifact regular_artifact() {
  Artifact result = artifact();
  result.digest = *digest::Digest::from_hex(digest::Algorithm::git_blob_sha1, std::string(40, 'b'));
  return result;
}

class TextSink : public RangeSink {
 public:
  bool write(std::span<const std::byte> data) override {
    for (const std::byte byte : data) {
      text += static_cast<char>(byte);
    }
    return text.size() < enough;
  }
  std::string text;
  std::size_t enough = std::string::npos;
};

Answer redirect(const std::string& location = k_location, std::vector<http::Header> more = {}) {
  more.push_back({"Location", location});
  return answer(302, std::move(more));
}

// Bytes 10 to 14 of an artifact of 100.
Answer content(const std::string& body = "hello", std::vector<http::Header> more = {}) {
  more.push_back({"Content-Range", "bytes 10-14/100"});
  return answer(206, std::move(more), body);
}

struct Bench {
  explicit Bench(std::vector<Answer> answers) : client(std::move(answers)) {}

  FetchResult fetch(const Artifact& what = artifact(), util::ByteRange range = {10, 5}) {
    return fetcher.fetch({.artifact = what, .range = range, .sink = sink}, stop.get_token());
  }

  FakeClient client;
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
  TextSink sink;
  std::stop_source stop;
};

TEST_CASE("fetch: asks with the range, then uses the location", "[source]") {
  Bench bench({redirect(), content()});
  CHECK(bench.fetch().verdict == Verdict::success);
  CHECK(bench.fetch().verdict == Verdict::success);
  CHECK(bench.sink.text == "hellohello");
  CHECK(bench.client.lines() ==
        std::vector<std::string>{k_question, "GET " + k_location, "GET " + k_location});
  for (const http::Request& request : bench.client.requests()) {
    CHECK(request.range == util::ByteRange{10, 5});
    CHECK(test::has_authorization(request) == (request.url.host() == "hub.example"));
  }
}

TEST_CASE("fetch: nothing is asked for nothing", "[source]") {
  Bench bench({answer(500)});
  CHECK(bench.fetch(artifact(0), {0, 0}).verdict == Verdict::success);
  CHECK(bench.client.requests().empty());
}

TEST_CASE("fetch: the token stays with the Hub", "[source]") {
  struct Row {
    std::string name;
    std::vector<std::string> hops;
    std::vector<bool> trusted;  // of the first request and of each hop
  };
  const std::vector<Row> rows = {
      {"relative", {"/api/resolve-cache/x?etag=1"}, {true, true}},
      {"same origin in full", {"https://hub.example:443/x"}, {true, true}},
      {"another host", {"https://cdn.example/x"}, {true, false}},
      {"another port", {"https://hub.example:444/x"}, {true, false}},
      {"a subdomain", {"https://cdn.hub.example/x"}, {true, false}},
      {"there and back", {"https://cdn.example/x", "https://hub.example/y"}, {true, false, false}},
      {"relative at another host", {"https://cdn.example/x", "/y"}, {true, false, false}},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      std::vector<Answer> answers;
      for (const std::string& hop : row.hops) {
        answers.push_back(redirect(hop));
      }
      answers.push_back(content());
      Bench bench(answers);
      CHECK(bench.fetch().verdict == Verdict::success);
      // The location is used as it was reached.
      CHECK(bench.fetch().verdict == Verdict::success);
      const auto requests = bench.client.requests();
      REQUIRE(requests.size() == row.trusted.size() + 1);
      for (std::size_t i = 0; i < row.trusted.size(); ++i) {
        CHECK(test::has_authorization(requests[i]) == row.trusted[i]);
      }
      const bool on_hub = requests.back().url.host() == "hub.example";
      CHECK(requests.back().url.on_the_wire() == requests[requests.size() - 2].url.on_the_wire());
      if (!on_hub) {
        CHECK_FALSE(test::has_authorization(requests.back()));
      }
    }
  }
}

TEST_CASE("fetch: redirects that are not followed", "[source]") {
  for (const std::string& location :
       std::vector<std::string>{"http://cdn.example/x", "ftp://cdn.example/x",
                                "https://hub.example/acme/tiny/resolve/" + k_commit + "/dir/f"}) {
    Bench bench({redirect(location)});
    const FetchResult result = bench.fetch();
    CHECK(result.verdict == Verdict::retry);
    CHECK(result.cause.find("redirects") != std::string::npos);
    CHECK(bench.client.requests().size() == 1);
  }
}

TEST_CASE("fetch: what the Hub says of the file must fit", "[source]") {
  struct Row {
    std::string name;
    http::Header header;
    bool fits;
  };
  const std::vector<Row> rows = {
      {"its commit", {"X-Repo-Commit", k_commit}, true},
      {"another commit", {"X-Repo-Commit", std::string(40, 'd')}, false},
      {"its size", {"X-Linked-Size", "100"}, true},
      {"another size", {"X-Linked-Size", "101"}, false},
      {"no size", {"X-Linked-Size", "many"}, true},
      {"its digest", {"X-Linked-Etag", "\"" + std::string(64, 'a') + "\""}, true},
      {"another digest", {"X-Linked-Etag", "\"" + std::string(64, 'b') + "\""}, false},
      {"no digest", {"X-Linked-Etag", "\"abc-2\""}, true},
      {"the store's own tag", {"ETag", "\"" + std::string(64, 'b') + "\""}, true},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      Bench bench({redirect(k_location, {row.header}), content()});
      const FetchResult result = bench.fetch();
      CHECK(result.verdict == (row.fits ? Verdict::success : Verdict::retry));
      CHECK(bench.sink.text == (row.fits ? "hello" : ""));
    }
  }
}

TEST_CASE("fetch: a regular file's tag is its digest", "[source]") {
  const auto tag = [](char c) { return http::Header{"ETag", "\"" + std::string(40, c) + "\""}; };
  Bench good({content("hello", {tag('b')})});
  CHECK(good.fetch(regular_artifact()).verdict == Verdict::success);
  Bench bad({content("hello", {tag('a')})});
  CHECK(bad.fetch(regular_artifact()).verdict == Verdict::retry);
  CHECK(bad.sink.text.empty());
}

TEST_CASE("fetch: contradictions end it when they are fresh each time", "[source]") {
  Bench bench({redirect(k_location, {{"X-Linked-Size", "101"}})});
  CHECK(bench.fetch().verdict == Verdict::retry);
  CHECK(bench.fetch().verdict == Verdict::retry);
  try {
    const FetchResult result = bench.fetch();
    FAIL(result.cause);
  } catch (const util::Error& error) {
    CHECK(error.kind() == util::ErrorKind::content_mismatch);
    CHECK(std::string(error.what()) ==
          "the Hub contradicts its own file list of acme/tiny, again and again: dir/f: the server "
          "has 101 bytes of a file that is listed with 100");
  }
}

TEST_CASE("fetch: good content makes up for contradictions", "[source]") {
  const Answer bad = answer(416, {{"Content-Range", "bytes */7"}});
  Bench bench({redirect(), bad, redirect(), bad, redirect(), content(), bad, redirect(), bad,
               redirect(), content()});
  CHECK(bench.fetch().verdict == Verdict::retry);
  const FetchResult second = bench.fetch();
  CHECK(second.verdict == Verdict::retry);
  CHECK(second.cause ==
        "https://cdn.example/x: 416 no reason given; the server has 7 bytes, listed are 100");
  CHECK(bench.fetch().verdict == Verdict::success);
  CHECK(bench.fetch().verdict == Verdict::retry);
  CHECK(bench.fetch().verdict == Verdict::retry);
  CHECK(bench.fetch().verdict == Verdict::success);
}

TEST_CASE("fetch: too long and too short", "[source]") {
  SECTION("longer than the range") {
    Bench bench({redirect(), content("hello, world")});
    const FetchResult result = bench.fetch();
    CHECK(result.verdict == Verdict::retry);
    CHECK(result.cause == "https://cdn.example/x: the body is longer than the range");
    CHECK(bench.sink.text == "hello");
  }
  SECTION("shorter than the range") {
    Bench bench({redirect(), content("hell")});
    const FetchResult result = bench.fetch();
    CHECK(result.verdict == Verdict::retry);
    CHECK(result.cause == "https://cdn.example/x: the body ended after 4 of 5 bytes");
    CHECK(bench.sink.text == "hell");
  }
  SECTION("a length that does not fit") {
    Bench bench({redirect(), content("hello", {{"Content-Length", "6"}})});
    CHECK(bench.fetch().verdict == Verdict::retry);
    CHECK(bench.sink.text.empty());
  }
  SECTION("whole, although the connection broke right after") {
    Answer last = content();
    last.error = http::TransportError{http::TransportFailure::closed, "reset"};
    Bench bench({redirect(), last});
    CHECK(bench.fetch().verdict == Verdict::success);
  }
}

TEST_CASE("fetch: a sink that has enough is no failure", "[source]") {
  Bench bench({redirect(), content()});
  bench.sink.enough = 1;
  CHECK(bench.fetch().verdict == Verdict::success);
}

TEST_CASE("fetch: a whole file may come as 200", "[source]") {
  Bench bench({redirect(), answer(200, {{"Content-Length", "5"}}, "hello")});
  CHECK(bench.fetch(artifact(5), {0, 5}).verdict == Verdict::success);
  Bench wrong({redirect(), answer(200, {{"Content-Length", "6"}}, "hello!")});
  CHECK(wrong.fetch(artifact(5), {0, 5}).verdict == Verdict::retry);
  CHECK(wrong.sink.text.empty());
}

TEST_CASE("fetch: a location's refusals", "[source]") {
  for (const int status : {400, 401, 403, 404, 410}) {
    Bench bench({redirect(), answer(status), redirect(), content()});
    CHECK(bench.fetch().verdict == Verdict::success);
    CHECK(bench.client.requests().size() == 4);
  }
  for (const int status : {405, 500, 502, 504, 204, 300}) {
    Bench bench({redirect(), answer(status)});
    const FetchResult result = bench.fetch();
    CHECK(result.verdict == Verdict::retry);
    CHECK(result.cause.starts_with("https://cdn.example/x: " + std::to_string(status)));
    CHECK(bench.client.requests().size() == 2);
  }
  Bench limited({redirect(), answer(503, {{"Retry-After", "9"}})});
  const FetchResult result = limited.fetch();
  CHECK(result.verdict == Verdict::rate_limited);
  CHECK(result.server_wish == std::chrono::seconds{9});
}

TEST_CASE("fetch: the Hub's refusals", "[source]") {
  struct Row {
    int status;
    util::ErrorKind kind;
  };
  for (const Row& row :
       {Row{401, util::ErrorKind::unauthorized}, Row{403, util::ErrorKind::unauthorized},
        Row{404, util::ErrorKind::not_found}, Row{400, util::ErrorKind::usage}}) {
    // Words that repeat the token do not print it.
    Bench bench({answer(row.status, {{"X-Error-Message", "no hf_secret here"}})});
    try {
      const FetchResult result = bench.fetch();
      FAIL(result.cause);
    } catch (const util::Error& error) {
      CHECK(error.kind() == row.kind);
      CHECK(std::string(error.what()).find("no *** here") != std::string::npos);
    }
  }
  Bench passing({answer(502), redirect(), content()});
  CHECK(passing.fetch().verdict == Verdict::retry);
  CHECK(passing.fetch().verdict == Verdict::success);
}

TEST_CASE("fetch: content at the Hub itself that is refused is asked for anew", "[source]") {
  Bench bench({redirect("/cache?a"), content(), answer(404), redirect("/cache?b"), content()});
  CHECK(bench.fetch().verdict == Verdict::success);
  CHECK(bench.fetch().verdict == Verdict::success);
  CHECK(bench.client.lines() ==
        std::vector<std::string>{k_question, "GET https://hub.example/cache?a",
                                 "GET https://hub.example/cache?a", k_question,
                                 "GET https://hub.example/cache?b"});
}

TEST_CASE("fetch: the last request of a rate limit's window is honoured", "[source]") {
  Bench bench({redirect(k_location, {{"RateLimit", "\"resolvers\";r=0;t=60"}}), content()});
  CHECK(bench.fetch().verdict == Verdict::success);
  // The location goes on; a new question has to wait.
  CHECK(bench.fetch().verdict == Verdict::success);
  bench.fetcher.forget(artifact());
  const FetchResult limited = bench.fetch();
  CHECK(limited.verdict == Verdict::rate_limited);
  CHECK(limited.server_wish == std::chrono::seconds{60});
  CHECK(bench.client.requests().size() == 3);
}

TEST_CASE("fetch: a location behind another lives no longer", "[source]") {
  Bench bench({redirect("https://lb.example/x?X-Amz-Expires=60"),
               redirect("https://edge.example/x?X-Amz-Expires=3600"), content(), content(),
               redirect(), content()});
  CHECK(bench.fetch().verdict == Verdict::success);
  CHECK(bench.fetch().verdict == Verdict::success);
  bench.clock.advance(std::chrono::seconds{51});
  CHECK(bench.fetch().verdict == Verdict::success);
  CHECK(bench.client.lines()[3] == "GET https://edge.example/x?X-Amz-Expires=3600");
  CHECK(bench.client.lines()[4] == k_question);
}

TEST_CASE("fetch: stop", "[source]") {
  Bench bench({redirect(), content()});
  bench.stop.request_stop();
  CHECK(bench.fetch().verdict == Verdict::stopped);
}

TEST_CASE("fetch: trouble on the wire is a retry, an untrusted content host too", "[source]") {
  for (const auto failure :
       {http::TransportFailure::name_resolution, http::TransportFailure::closed,
        http::TransportFailure::tls_untrusted}) {
    Bench bench({redirect(), test::broken(failure, "cdn.example: no")});
    const FetchResult result = bench.fetch();
    CHECK(result.verdict == Verdict::retry);
    CHECK(result.cause == "https://cdn.example/x: cdn.example: no");
  }
}

TEST_CASE("fetch: where nothing answers, the Hub is asked for another place", "[source]") {
  Bench bench({redirect(), test::broken(http::TransportFailure::connect, "cdn.example: dead"),
               redirect("https://other.example/x"), content()});
  CHECK(bench.fetch().verdict == Verdict::retry);
  CHECK(bench.fetch().verdict == Verdict::success);
  CHECK(bench.sink.text == "hello");
}

}  // namespace
}  // namespace nai::source
