// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <string>

#include <nai/util/error.hpp>

#include <source/nim/ngc_catalog.hpp>
#include <source/nim/ngc_fetcher.hpp>

#include "support/captured_log.hpp"
#include "support/fake_client.hpp"
#include "support/fake_clock.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai;
using namespace nai::source;
using test::Answer;
using test::answer;

// NGC's lists and probes that go wrong: each with its words, its kind and what to do.
namespace {

struct Bench {
  explicit Bench(const Answer& given, const std::string& key = "nvapi-x",
                 const std::string& api = "https://ngc.example")
      : client([given](const http::Request&) { return given; }),
        session(connection, {http::Url::parse(api).value(), http::Url::parse(api).value()}, key) {}

  util::Error error() {
    try {
      static_cast<void>(list_version(session, connection, version, {}));
    } catch (const util::Error& error) {
      return error;
    }
    FAIL("no error");
    return {util::ErrorKind::internal, ""};
  }

  NgcVersion version{"nim/meta/x", "1.0+a"};
  test::FakeClient client;
  test::FakeClock clock;
  test::CapturedLog log;
  Connection connection{client, clock, log, {.max_attempts = 2}};
  NgcSession session;
};

const http::Header k_id{"X-Request-Id", "request-17"};

}  // namespace

TEST_CASE("each answer of NGC's has its kind, its words and its id") {
  struct Row {
    Answer given;
    util::ErrorKind kind;
    std::vector<std::string> words;
  };
  using util::ErrorKind;
  for (const Row& row : {
           Row{answer(401, {k_id}), ErrorKind::unauthorized, {"refuses the key", "request-17"}},
           Row{answer(402, {k_id}), ErrorKind::unauthorized, {"402 Payment Required", "no access"}},
           Row{answer(403, {k_id}), ErrorKind::unauthorized, {"no access to these", "request-17"}},
           Row{answer(404, {k_id}), ErrorKind::not_found, {"does not have it", "request-17"}},
           Row{answer(451, {k_id}),
               ErrorKind::unauthorized,
               {"in the region", "451 Unavailable For Legal Reasons", "request-17"}},
           Row{answer(429, {k_id}), ErrorKind::temporary, {"429", "after 2 tries", "request-17"}},
           Row{answer(503, {k_id}), ErrorKind::temporary, {"503", "after 2 tries", "request-17"}},
           Row{answer(302, {{"Location", "http://ngc.example/x"}}),
               ErrorKind::temporary,
               {"redirects from https to http (ngc.example), which is refused"}},
           Row{answer(200, {{"Content-Type", "text/html"}}, "<html>"),
               ErrorKind::temporary,
               {"as ngc.example sent it, is no JSON but 6 bytes of text/html", "proxy"}},
           Row{answer(200, {}, R"({"requestStatus":{"statusCode":"BUSY","requestId":"r-1"}})"),
               ErrorKind::temporary,
               {"NGC cannot list nim/meta/x:1.0+a: BUSY (Request ID: r-1)"}},
           Row{answer(200, {}, R"({"urls":["u"],"filepath":["a","b"]})"),
               ErrorKind::content_mismatch,
               {"1 addresses for 2 files"}},
           Row{answer(200, {}, "{}"), ErrorKind::content_mismatch, {"no files in it"}},
           Row{test::broken(http::TransportFailure::tls_untrusted,
                            "the certificate is not trusted"),
               ErrorKind::temporary,
               {"Hugging Face Network connection Issue\n", "listing nim/meta/x:1.0+a at NGC",
                "ngc.example cannot be reached: the certificate is not trusted"}},
           Row{test::broken(http::TransportFailure::name_resolution, "no such host"),
               ErrorKind::temporary,
               {"ngc.example cannot be reached: no such host; check that the pod's DNS knows"}},
       }) {
    Bench bench(row.given);
    const util::Error error = bench.error();
    INFO(error.what());
    CHECK(error.kind() == row.kind);
    for (const std::string& words : row.words) {
      CHECK_THAT(error.what(), ContainsSubstring(words));
    }
  }
}

TEST_CASE("a certificate that is not trusted is not asked again") {
  Bench bench(test::broken(http::TransportFailure::tls_untrusted, "not trusted"));
  static_cast<void>(bench.error());
  CHECK(bench.client.requests().size() == 1);
  NgcFetcher fetcher(bench.session, bench.connection);
  CHECK_THROWS_WITH(fetcher.probe({.version = bench.version, .path = "f"}, {}),
                    ContainsSubstring("ngc.example cannot be reached: not trusted"));
  CHECK(bench.client.requests().size() == 2);
}

TEST_CASE("without a key, or with one that is not sent, the advice is another") {
  CHECK_THAT(Bench(answer(401), "").error().what(), ContainsSubstring("set NGC_API_KEY"));
  CHECK_THAT(Bench(answer(403), "").error().what(),
             ContainsSubstring("NGC gives these files to nobody without a key; set NGC_API_KEY"));
  Bench clear(answer(401), "nvapi-x", "http://ngc.example");
  CHECK_THAT(clear.error().what(),
             ContainsSubstring("sent by https only; correct NGC_API_ENDPOINT"));
  CHECK_FALSE(test::has_authorization(clear.client.requests().front()));
}
