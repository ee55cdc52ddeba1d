// SPDX-License-Identifier: Apache-2.0
// Revision and file list against a scripted client: retries, mirrors, hostile answers.
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <nai/source/hugging_face.hpp>
#include <nai/util/error.hpp>
#include <source/hugging_face/revision.hpp>
#include <source/hugging_face/tree.hpp>

#include "support/captured_log.hpp"
#include "support/fake_client.hpp"
#include "support/fake_clock.hpp"

namespace nai::source {
namespace {

using test::Answer;
using test::answer;
using test::FakeClient;
using util::ErrorKind;

const std::string k_commit(40, 'c');
const std::string k_oid(40, 'a');
const std::string k_sha256(64, 'b');
const std::string k_api = "https://hub.example/api/models/acme/tiny";
const std::string k_tree = k_api + "/tree/" + k_commit + "?recursive=true&expand=false";

struct Bench {
  explicit Bench(std::vector<Answer> answers, const std::string& revision = "",
                 const std::string& endpoint = "https://hub.example")
      : client(std::move(answers)),
        hub({.endpoint = http::Url::parse(endpoint).value(),
             .repository = "acme/tiny",
             .revision = revision,
             .token = "hf_secret"},
            client, clock, log) {}

  std::string resolve() { return resolve_revision(hub, stop.get_token()); }
  std::vector<Artifact> list() { return list_files(hub, k_commit, stop.get_token()); }

  FakeClient client;
  test::FakeClock clock;
  test::CapturedLog log;
  Hub hub;
  std::stop_source stop;
};

template <typename Call>
util::Error error_of(const Call& call) {
  try {
    call();
  } catch (const util::Error& error) {
    INFO(error.what());
    CHECK(std::string(error.what()).find("hf_secret") == std::string::npos);
    return error;
  }
  FAIL("no error");
  return {ErrorKind::internal, ""};
}

Answer json(const std::string& body, std::vector<http::Header> headers = {}) {
  return answer(200, std::move(headers), body);
}

Answer commits(const std::string& id = k_commit) {
  return json(R"([{"id":")" + id + R"(","title":"x"},{"id":"older"}])");
}

std::string file(const std::string& path) {
  return R"({"type":"file","path":")" + path + R"(","size":3,"oid":")" + k_oid + R"("})";
}

TEST_CASE("revision: the first commit", "[source]") {
  Bench main({commits()});
  CHECK(main.resolve() == k_commit);
  CHECK(main.client.lines() == std::vector<std::string>{"GET " + k_api + "/commits/main"});
  CHECK(main.client.requests()[0].headers.find("Authorization") == "Bearer hf_secret");
  Bench other({commits()}, "refs/pr/1");
  CHECK(other.resolve() == k_commit);
  CHECK(other.client.lines()[0] == "GET " + k_api + "/commits/refs%2Fpr%2F1");
  Bench below({commits()}, "a b", "https://mirror.example:8443/hf/");
  CHECK(below.resolve() == k_commit);
  CHECK(below.client.lines()[0] ==
        "GET https://mirror.example:8443/hf/api/models/acme/tiny/commits/a%20b");
}

TEST_CASE("revision: mirrors", "[source]") {
  const std::string info = R"({"sha":")" + k_commit + R"("})";
  const http::Header missing{"X-Error-Code", "RevisionNotFound"};
  SECTION("without the endpoint") {
    for (const int status : {404, 405, 501}) {
      Bench bench({answer(status), json(info)});
      CHECK(bench.resolve() == k_commit);
      CHECK(bench.client.lines()[1] == "GET " + k_api + "/revision/main");
    }
  }
  SECTION("whose default branch has another name") {
    Bench bench({answer(404, {missing}), json(info)});
    CHECK(bench.resolve() == k_commit);
    CHECK(bench.client.lines()[1] == "GET " + k_api);
  }
  SECTION("a revision that was named is not replaced") {
    Bench bench({answer(404, {missing}), json(info)}, "main");
    CHECK(error_of([&] { bench.resolve(); }).kind() == ErrorKind::not_found);
    CHECK(bench.client.requests().size() == 1);
  }
  SECTION("that know nothing of the repository") {
    Bench bench({answer(404)});
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
    Bench bench({json(body)});
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
    Bench bench({bad, bad, commits()});
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
    Bench bench({test::broken(http::TransportFailure::name_resolution,
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
    Bench bench({answer(503, {{"X-Request-Id", "r1"}}, R"({"error":"maintenance hf_secret"})")});
    const util::Error error = error_of([&] { bench.resolve(); });
    CHECK(error.kind() == ErrorKind::temporary);
    CHECK(std::string(error.what()) ==
          "asking for the commit of acme/tiny at revision main failed after 10 tries: " + k_api +
              "/commits/main: 503 Service Unavailable: maintenance *** (Request ID: r1); run it "
              "again later, nothing fetched so far is lost");
  }
  SECTION("a certificate is not asked for again") {
    Bench bench({test::broken(http::TransportFailure::tls_untrusted, "not trusted: why")});
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
    Bench bench({answer(429, {{"Retry-After", "30"}}), commits()});
    CHECK(bench.resolve() == k_commit);
    REQUIRE(bench.clock.waits().size() == 1);
    CHECK(bench.clock.waits()[0] >= std::chrono::seconds{30});
    CHECK(bench.clock.waits()[0] <= std::chrono::seconds{31});
  }
  SECTION("are seen coming") {
    Bench bench({json("[" + file("a") + "]", {{"RateLimit", "\"api\";r=0;t=40"},
                                              {"Link", "<" + k_tree + "&cursor=2>; rel=\"next\""}}),
                 json("[]")});
    CHECK(bench.list().size() == 1);
    CHECK(bench.clock.waits() == std::vector<std::chrono::milliseconds>{std::chrono::seconds{40}});
  }
  SECTION("are named in the end") {
    Bench bench({answer(429)});
    CHECK(std::string(error_of([&] { bench.resolve(); }).what()).find("429 Too Many Requests") !=
          std::string::npos);
  }
}

TEST_CASE("hub: stop", "[source]") {
  Bench bench({commits()});
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

TEST_CASE("tree: entries of all kinds", "[source]") {
  Bench bench({json(R"([{"type":"directory","path":"d","oid":"x","size":0},)" + file("d/a") +
                    R"(,{"type":"file","path":"m","size":9,"oid":"x","lfs":{"oid":")" + k_sha256 +
                    R"(","size":5000000000,"pointerSize":135},"xetHash":"***"},)" +
                    R"({"type":"file","path":"n","size":4,"oid":")" + k_oid +
                    R"(","lfs":null},{"type":"submodule","path":"s"}])")});
  const std::vector<Artifact> files = bench.list();
  REQUIRE(files.size() == 3);
  CHECK(bench.client.lines() == std::vector<std::string>{"GET " + k_tree});
  CHECK(files[0].path == "d/a");
  CHECK(files[0].size == 3);
  CHECK(files[0].digest.to_string() == "git-sha1:" + k_oid);
  CHECK(files[1].size == 5'000'000'000);
  CHECK(files[1].digest.to_string() == "sha256:" + k_sha256);
  CHECK(files[2].digest.hex() == k_oid);
}

TEST_CASE("tree: answers of the wrong kind", "[source]") {
  struct Row {
    std::string body;
    std::string why;
  };
  const std::string lfs = R"([{"type":"file","path":"m","size":9,"oid":"x","lfs":)";
  const std::vector<Row> rows = {
      {"{}", "not a JSON array"},
      {"\"x\"", "not a JSON array"},
      {"[1]", "entry 1 has no type"},
      {"[{}]", "entry 1 has no type"},
      {R"([{"type":1}])", "entry 1 has no type"},
      {R"([{"type":"file"}])", "a file has no path"},
      {R"([{"type":"file","path":1}])", "a file has no path"},
      {R"([{"type":"file","path":"a"}])", "\"a\" has no size"},
      {R"([{"type":"file","path":"a","size":"3"}])", "\"a\" has no size"},
      {R"([{"type":"file","path":"a","size":-3}])", "\"a\" has no size"},
      {R"([{"type":"file","path":"a","size":3.5}])", "\"a\" has no size"},
      {R"([{"type":"file","path":"a","size":18446744073709551615}])", "\"a\" has no size"},
      {R"([{"type":"file","path":"a","size":3}])", "\"a\" has no checksum"},
      {R"([{"type":"file","path":"a","size":3,"oid":"xyz"}])", "\"a\" has no checksum"},
      {lfs + "1}]", "\"m\" has no size"},
      {lfs + R"({"size":1}}])", "\"m\" has no checksum"},
      {lfs + R"({"size":1,"oid":")" + k_oid + "\"}}]", "\"m\" has no checksum"},
  };
  for (const Row& row : rows) {
    INFO(row.body);
    Bench bench({json(row.body)});
    const util::Error error = error_of([&] { (void)bench.list(); });
    CHECK(error.kind() == ErrorKind::content_mismatch);
    CHECK(std::string(error.what()).starts_with("the file list of acme/tiny cannot be used: "));
    CHECK(std::string(error.what()).find(row.why) != std::string::npos);
  }
}

TEST_CASE("tree: what no parser should be fed", "[source]") {
  SECTION("too large") {
    Bench bench({json("[" + std::string(50'000'000, ' ') + "]")});
    const util::Error error = error_of([&] { (void)bench.list(); });
    CHECK(error.kind() == ErrorKind::content_mismatch);
    CHECK(std::string(error.what()).find("the answer is larger than 16.8 MB") != std::string::npos);
  }
  SECTION("too deep") {
    Bench bench({json(std::string(100'000, '['))});
    CHECK(error_of([&] { (void)bench.list(); }).kind() == ErrorKind::temporary);
  }
  SECTION("encoded, although identity was asked for") {
    Bench bench({json("[]", {{"Content-Encoding", "gzip"}})});
    const util::Error error = error_of([&] { (void)bench.list(); });
    CHECK(error.kind() == ErrorKind::temporary);
    CHECK(std::string(error.what()).find("it came encoded: gzip") != std::string::npos);
  }
  SECTION("cut off") {
    Bench bench({json("[" + file("a") + ",{\"type\":\"fi")});
    const util::Error error = error_of([&] { (void)bench.list(); });
    CHECK(error.kind() == ErrorKind::temporary);
    CHECK(std::string(error.what()).find("after 4 tries") != std::string::npos);
    CHECK(std::string(error.what()).find("is not JSON") != std::string::npos);
  }
}

TEST_CASE("tree: pages", "[source]") {
  const auto page = [](const std::string& path, const std::string& link) {
    return json("[" + file(path) + "]", {{"Link", "<" + link + ">; rel=\"next\""}});
  };
  struct Row {
    std::string link;
    std::string asked;
  };
  const std::vector<Row> rows = {
      {k_tree + "&cursor=2", k_tree + "&cursor=2"},
      {"?cursor=2", k_api + "/tree/" + k_commit + "?cursor=2"},
      // A mirror that passes on the Hub's link, or does not know that it is behind TLS.
      {"https://huggingface.co/api/models/acme/tiny/tree/x?cursor=2",
       k_api + "/tree/" + k_commit + "?cursor=2"},
      {"http://hub.example/x?cursor=2", k_api + "/tree/" + k_commit + "?cursor=2"},
  };
  for (const Row& row : rows) {
    Bench bench({page("a", row.link), json("[" + file("b") + "]")});
    CHECK(bench.list().size() == 2);
    CHECK(bench.client.lines()[1] == "GET " + row.asked);
  }
  SECTION("that do not end") {
    Bench bench({page("a", k_tree)});
    CHECK(error_of([&] { (void)bench.list(); }).kind() == ErrorKind::content_mismatch);
    CHECK(bench.client.requests().size() == 1);
  }
  SECTION("that lead nowhere") {
    Bench bench({page("a", "ftp://x/")});
    CHECK(error_of([&] { (void)bench.list(); }).kind() == ErrorKind::content_mismatch);
  }
  SECTION("that are refused") {
    Bench bench({page("a", k_tree + "&cursor=2"), answer(403)});
    CHECK(error_of([&] { (void)bench.list(); }).kind() == ErrorKind::unauthorized);
  }
}

TEST_CASE("tree: mirrors without it", "[source]") {
  const std::string resolve = "https://hub.example/acme/tiny/resolve/" + k_commit + "/";
  SECTION("that tell all of the files") {
    Bench bench(
        {answer(404), json(R"({"sha":"x","siblings":[{"rfilename":"a","size":3,"blobId":")" +
                           k_oid + R"("},{"rfilename":"m","size":9,"blobId":"x","lfs":)" +
                           R"({"sha256":")" + k_sha256 + R"(","size":9}}]})")});
    const std::vector<Artifact> files = bench.list();
    REQUIRE(files.size() == 2);
    CHECK(files[0].digest.hex() == k_oid);
    CHECK(files[1].digest.hex() == k_sha256);
    CHECK(bench.client.lines()[1] == "GET " + k_api + "/revision/" + k_commit + "?blobs=true");
  }
  SECTION("that tell only names") {
    Bench bench(
        {answer(404),
         json(R"({"siblings":[{"rfilename":"d/a b"},{"rfilename":"m"},{"rfilename":"r"}]})"),
         answer(200, {{"ETag", "\"" + k_oid + "\""}, {"Content-Length", "3"}}),
         answer(302, {{"Location", "https://cdn.example/m"},
                      {"X-Linked-Etag", "\"" + k_sha256 + "\""},
                      {"X-Linked-Size", "9"}}),
         answer(307, {{"Location", "/cache/r"}, {"Content-Length", "20"}}),
         answer(200, {{"ETag", "W/\"" + k_oid + "\""}, {"Content-Length", "4"}})});
    const std::vector<Artifact> files = bench.list();
    REQUIRE(files.size() == 3);
    CHECK(files[0].size == 3);
    CHECK(files[1].digest.hex() == k_sha256);
    CHECK(files[1].size == 9);
    CHECK(files[2].size == 4);
    const auto lines = bench.client.lines();
    CHECK(lines[2] == "HEAD " + resolve + "d/a%20b");
    CHECK(lines[4] == "HEAD " + resolve + "r");
    CHECK(lines[5] == "HEAD https://hub.example/cache/r");
  }
  SECTION("that tell no checksum") {
    Bench bench({answer(404), json(R"({"siblings":[{"rfilename":"a"}]})"),
                 answer(200, {{"ETag", "\"1-2\""}, {"Content-Length", "3"}})});
    const util::Error error = error_of([&] { (void)bench.list(); });
    CHECK(error.kind() == ErrorKind::content_mismatch);
    CHECK(std::string(error.what()).find("\"a\" has no checksum") != std::string::npos);
  }
  SECTION("that tell nothing") {
    Bench bench({answer(404), json("{}")});
    CHECK(error_of([&] { (void)bench.list(); }).kind() == ErrorKind::content_mismatch);
  }
}

TEST_CASE("source: what is left of a repository", "[source]") {
  struct Row {
    std::string tree;
    ErrorKind kind;
    std::string part;
  };
  for (const Row& row :
       {Row{"[]", ErrorKind::not_found, "acme/tiny has no files at revision " + k_commit},
        Row{"[" + file("a") + "]", ErrorKind::usage, "none of the 1 files of acme/tiny"},
        Row{"[" + file("../x.md") + "]", ErrorKind::content_mismatch, "\"../x.md\""}}) {
    FakeClient client({commits(), json(row.tree)});
    test::FakeClock clock;
    test::CapturedLog log;
    const auto source =
        make_hugging_face_source({.endpoint = http::Url::parse("https://hub.example").value(),
                                  .repository = "acme/tiny",
                                  .revision = {},
                                  .token = {},
                                  .include = {"*.md"}},
                                 client, clock, log);
    CHECK(source->resolve({}) == k_commit);
    const util::Error error = error_of([&] { (void)source->list({}); });
    CHECK(error.kind() == row.kind);
    CHECK(std::string(error.what()).find(row.part) != std::string::npos);
  }
}

}  // namespace
}  // namespace nai::source
