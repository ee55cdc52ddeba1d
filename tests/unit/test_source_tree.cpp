// SPDX-License-Identifier: Apache-2.0
// File lists against a scripted client: pages, mirrors, hostile answers.
#include <chrono>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "unit/hub_bench.hpp"

namespace nai::source {
namespace {

TEST_CASE("tree: entries of all kinds", "[source]") {
  HubBench bench({json(R"([{"type":"directory","path":"d","oid":"x","size":0},)" + file("d/a") +
                       R"(,{"type":"file","path":"m","size":9,"oid":"x","lfs":{"oid":")" +
                       k_sha256 + R"(","size":5000000000,"pointerSize":135},"xetHash":"***"},)" +
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
    HubBench bench({json(row.body)});
    const util::Error error = error_of([&] { (void)bench.list(); });
    CHECK(error.kind() == ErrorKind::content_mismatch);
    CHECK(std::string(error.what()).starts_with("the file list of acme/tiny cannot be used: "));
    CHECK(std::string(error.what()).find(row.why) != std::string::npos);
  }
}

TEST_CASE("tree: what no parser should be fed", "[source]") {
  SECTION("too large") {
    HubBench bench({json("[" + std::string(50'000'000, ' ') + "]")});
    const util::Error error = error_of([&] { (void)bench.list(); });
    CHECK(error.kind() == ErrorKind::content_mismatch);
    CHECK(std::string(error.what()).find("the answer is larger than 16.8 MB") != std::string::npos);
  }
  SECTION("too deep") {
    HubBench bench({json(std::string(100'000, '['))});
    CHECK(error_of([&] { (void)bench.list(); }).kind() == ErrorKind::temporary);
  }
  SECTION("encoded, although identity was asked for") {
    HubBench bench({json("[]", {{"Content-Encoding", "gzip"}})});
    const util::Error error = error_of([&] { (void)bench.list(); });
    CHECK(error.kind() == ErrorKind::temporary);
    CHECK(std::string(error.what()).find("it came encoded: gzip") != std::string::npos);
  }
  SECTION("cut off") {
    HubBench bench({json("[" + file("a") + ",{\"type\":\"fi")});
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
    HubBench bench({page("a", row.link), json("[" + file("b") + "]")});
    CHECK(bench.list().size() == 2);
    CHECK(bench.client.lines()[1] == "GET " + row.asked);
  }
  SECTION("that do not end") {
    HubBench bench({page("a", k_tree)});
    CHECK(error_of([&] { (void)bench.list(); }).kind() == ErrorKind::content_mismatch);
    CHECK(bench.client.requests().size() == 1);
  }
  SECTION("that lead nowhere") {
    HubBench bench({page("a", "ftp://x/")});
    CHECK(error_of([&] { (void)bench.list(); }).kind() == ErrorKind::content_mismatch);
  }
  SECTION("that are refused") {
    HubBench bench({page("a", k_tree + "&cursor=2"), answer(403)});
    CHECK(error_of([&] { (void)bench.list(); }).kind() == ErrorKind::unauthorized);
  }
}

TEST_CASE("tree: lists without end", "[source]") {
  // Each page leads to one that was not seen yet.
  std::size_t pages = 0;
  FakeClient client([&](const http::Request&) {
    const std::string next = k_tree + "&cursor=" + std::to_string(++pages);
    return json("[]", {{"Link", "<" + next + ">; rel=\"next\""}});
  });
  test::FakeClock clock;
  test::CapturedLog log;
  Hub hub({.endpoint = http::Url::parse("https://hub.example").value(),
           .repository = "acme/tiny",
           .revision = {},
           .token = {}},
          client, clock, log);
  const util::Error endless = error_of([&] { (void)list_files(hub, k_commit, {}); });
  CHECK(endless.kind() == ErrorKind::content_mismatch);
  CHECK(std::string(endless.what()).find("its pages do not end") != std::string::npos);
  CHECK(pages == 20'000);

  // Asked for each file of a list; to make a list of so many takes half a minute.
  CHECK_NOTHROW(check_file_count(hub, 1'000'000));
  const util::Error crowded = error_of([&] { check_file_count(hub, 1'000'001); });
  CHECK(crowded.kind() == ErrorKind::content_mismatch);
  CHECK(std::string(crowded.what()).find("more than 1000000 files") != std::string::npos);
}

TEST_CASE("tree: mirrors without it", "[source]") {
  const std::string resolve = "https://hub.example/acme/tiny/resolve/" + k_commit + "/";
  SECTION("that tell all of the files") {
    HubBench bench(
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
    HubBench bench(
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
    HubBench bench({answer(404), json(R"({"siblings":[{"rfilename":"a"}]})"),
                    answer(200, {{"ETag", "\"1-2\""}, {"Content-Length", "3"}})});
    const util::Error error = error_of([&] { (void)bench.list(); });
    CHECK(error.kind() == ErrorKind::content_mismatch);
    CHECK(std::string(error.what()).find("\"a\" has no checksum") != std::string::npos);
  }
  SECTION("that tell nothing") {
    HubBench bench({answer(404), json("{}")});
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
