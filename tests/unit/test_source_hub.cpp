// SPDX-License-Identifier: Apache-2.0
// Revisions and retries against a scripted client.
#include <chrono>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "unit/hub_bench.hpp"

namespace nai::source {
namespace {

TEST_CASE("revision: the first commit", "[source]") {
  HubBench main({commits()});
  CHECK(main.resolve() == k_commit);
  CHECK(main.client.lines() == std::vector<std::string>{"GET " + k_api + "/commits/main"});
  CHECK(main.client.requests()[0].headers.find("Authorization") == "Bearer hf_secret");
  HubBench other({commits()}, "refs/pr/1");
  CHECK(other.resolve() == k_commit);
  CHECK(other.client.lines()[0] == "GET " + k_api + "/commits/refs%2Fpr%2F1");
  HubBench below({commits()}, "a b", "https://mirror.example:8443/hf/");
  CHECK(below.resolve() == k_commit);
  CHECK(below.client.lines()[0] ==
        "GET https://mirror.example:8443/hf/api/models/acme/tiny/commits/a%20b");
}

TEST_CASE("revision: mirrors", "[source]") {
  const std::string info = R"({"sha":")" + k_commit + R"("})";
  const http::Header missing{"X-Error-Code", "RevisionNotFound"};
  SECTION("without the endpoint") {
    for (const int status : {404, 405, 501}) {
      HubBench bench({answer(status), json(info)});
      CHECK(bench.resolve() == k_commit);
      CHECK(bench.client.lines()[1] == "GET " + k_api + "/revision/main");
    }
  }
  SECTION("whose default branch has another name") {
    HubBench bench({answer(404, {missing}), json(info)});
    CHECK(bench.resolve() == k_commit);
    CHECK(bench.client.lines()[1] == "GET " + k_api);
  }
  SECTION("a revision that was named is not replaced") {
    HubBench bench({answer(404, {missing}), json(info)}, "main");
    CHECK(error_of([&] { bench.resolve(); }).kind() == ErrorKind::not_found);
    CHECK(bench.client.requests().size() == 1);
  }
  SECTION("that know nothing of the repository") {
    HubBench bench({answer(404)});
    const util::Error error = error_of([&] { bench.resolve(); });
    CHECK(error.kind() == ErrorKind::not_found);
    CHECK(std::string(error.what()) ==
          "Hugging Face Repo not found: 404 Client Error: Not Found for url: " + k_api +
              "/commits/main");
  }
}

TEST_CASE("revision: answers that are none", "[source]") {
  for (const std::string body :
       {"[]", "{}", "null", "[1]", "[{}]", R"([{"id":1}])", R"([{"id":"main"}])",
        R"([{"id":"../../../../../../../../../../../../x/xx"}])",
        R"([{"id":"CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"}])"}) {
    INFO(body);
    HubBench bench({json(body)});
    const util::Error error = error_of([&] { bench.resolve(); });
    CHECK(error.kind() == ErrorKind::content_mismatch);
    CHECK(std::string(error.what()).find("HF_ENDPOINT") != std::string::npos);
    CHECK(bench.clock.waits().empty());
  }
}

TEST_CASE("hub: what passes is asked for again", "[source]") {
  const std::vector<Answer> passing = {
      answer(500),
      answer(502),
      answer(408),
      answer(200, {}, "<html>"),
      answer(200, {}, "[{\"id\":"),
      answer(302, {{"Location", "http://hub.example/"}}),
      test::broken(http::TransportFailure::closed),
  };
  for (const Answer& bad : passing) {
    HubBench bench({bad, bad, commits()});
    CHECK(bench.resolve() == k_commit);
    const auto waits = bench.clock.waits();
    REQUIRE(waits.size() == 2);
    CHECK(waits[0] >= std::chrono::milliseconds{250});
    CHECK(waits[0] <= std::chrono::milliseconds{500});
    CHECK(waits[1] >= std::chrono::milliseconds{500});
    CHECK(waits[1] <= std::chrono::milliseconds{1000});
    CHECK(bench.log.count("hub_retry") == 2);
    CHECK(bench.log.message("hub_retry")
              .starts_with("asking for the commit of acme/tiny at revision main: try 1 of "));
  }
}

TEST_CASE("hub: retries used up", "[source]") {
  SECTION("the network") {
    HubBench bench({test::broken(http::TransportFailure::name_resolution,
                                 "Could not resolve host: hub.example")});
    const util::Error error = error_of([&] { bench.resolve(); });
    CHECK(error.kind() == ErrorKind::temporary);
    CHECK(std::string(error.what()) ==
          "Hugging Face Network connection Issue\nasking for the commit of acme/tiny at revision "
          "main failed after 10 tries: " +
              k_api +
              "/commits/main: Could not resolve host: hub.example; check that the pod's DNS knows "
              "hub.example, or name a proxy in HTTPS_PROXY");
    CHECK(bench.client.requests().size() == 10);
  }
  SECTION("the server") {
    HubBench bench({answer(503, {{"X-Request-Id", "r1"}}, R"({"error":"maintenance hf_secret"})")});
    const util::Error error = error_of([&] { bench.resolve(); });
    CHECK(error.kind() == ErrorKind::temporary);
    CHECK(std::string(error.what()) ==
          "asking for the commit of acme/tiny at revision main failed after 10 tries: " + k_api +
              "/commits/main: 503 Service Unavailable: maintenance *** (Request ID: r1); run it "
              "again later, nothing fetched so far is lost");
  }
  SECTION("a certificate is not asked for again") {
    HubBench bench({test::broken(http::TransportFailure::tls_untrusted, "not trusted: why")});
    const util::Error error = error_of([&] { bench.resolve(); });
    CHECK(error.kind() == ErrorKind::temporary);
    CHECK(std::string(error.what()) ==
          "Hugging Face Network connection Issue\nasking for the commit of acme/tiny at revision "
          "main failed: " +
              k_api + "/commits/main: not trusted: why");
    CHECK(bench.clock.waits().empty());
  }
}

TEST_CASE("hub: rate limits", "[source]") {
  SECTION("are waited for") {
    HubBench bench({answer(429, {{"Retry-After", "30"}}), commits()});
    CHECK(bench.resolve() == k_commit);
    REQUIRE(bench.clock.waits().size() == 1);
    CHECK(bench.clock.waits()[0] >= std::chrono::seconds{30});
    CHECK(bench.clock.waits()[0] <= std::chrono::seconds{31});
  }
  SECTION("are seen coming") {
    HubBench bench(
        {json("[" + file("a") + "]", {{"RateLimit", "\"api\";r=0;t=40"},
                                      {"Link", "<" + k_tree + "&cursor=2>; rel=\"next\""}}),
         json("[]")});
    CHECK(bench.list().size() == 1);
    CHECK(bench.clock.waits() == std::vector<std::chrono::milliseconds>{std::chrono::seconds{40}});
  }
  SECTION("are named in the end") {
    HubBench bench({answer(429)});
    CHECK(std::string(error_of([&] { bench.resolve(); }).what()).find("429 Too Many Requests") !=
          std::string::npos);
  }
}

TEST_CASE("hub: stop", "[source]") {
  HubBench bench({commits()});
  bench.stop.request_stop();
  CHECK(error_of([&] { bench.resolve(); }).kind() == ErrorKind::interrupted);
}

TEST_CASE("hub: tokens that are none", "[source]") {
  for (const std::string token : {"hf secret", "hf_secret\n", "hf_\x7Fsecret",
                                  "hf_s\xC3\xA9"
                                  "cret",
                                  "hf_secret\r\nX-Evil: 1"}) {
    FakeClient client(std::vector<Answer>{commits()});
    test::FakeClock clock;
    test::CapturedLog log;
    const util::Error error = error_of([&] {
      const auto source =
          make_hugging_face_source({.endpoint = http::Url::parse("https://hub.example").value(),
                                    .repository = "acme/tiny",
                                    .revision = {},
                                    .token = token},
                                   client, clock, log);
    });
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(std::string(error.what()).find("cret") == std::string::npos);
  }
}

}  // namespace
}  // namespace nai::source
