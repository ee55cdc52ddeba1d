// SPDX-License-Identifier: Apache-2.0
// The Hugging Face source, through libcurl and TLS, against the mock Hub and its CDN.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "integration/hugging_face_bench.hpp"

namespace nai::source {
namespace {

TEST_CASE("hugging face: resolves, lists and fetches", "[source]") {
  HuggingFaceBench bench;
  const auto source = bench.source();
  const std::string commit = source->resolve({});
  CHECK(commit.size() == 40);
  const Manifest manifest = source->list({});
  CHECK(manifest.source == bench.registry.hub_url() + "/acme/tiny");
  CHECK(manifest.revision == commit);
  CHECK(manifest.skipped == std::vector<std::string>{"model.bin"});
  REQUIRE(manifest.artifacts.size() == 4);
  CHECK(manifest.total_bytes() == k_big_size + 9 + 5);

  CHECK(fetch_all(*source, find(manifest, "config.json")) == "{\"a\": 1}\n");
  CHECK(fetch_all(*source, find(manifest, "empty")).empty());
  CHECK(fetch_all(*source, find(manifest, "sub dir/weird #%name.txt")) == "hello");
  const Artifact& model = find(manifest, "model.safetensors");
  CHECK(model.digest == digest::Digest::from_hex(digest::Algorithm::sha256,
                                                 mock::Content::generated(7, k_big_size).sha256()));
  for (const util::ByteRange range :
       {util::ByteRange{0, 1000}, util::ByteRange{4095, 100'000}, util::ByteRange{2'999'999, 1}}) {
    TextSink sink;
    CHECK(source->fetch(model, range, sink, {}).verdict == http::Verdict::success);
    CHECK(sink.text == generated(7, range));
  }
  // One question a file, none for the empty one, and no HEAD. Only a name that needs encoding takes
  // two, as a regular file.
  CHECK(bench.registry.request_count(RequestKind::resolve) == 2);
  CHECK(bench.registry.request_count(RequestKind::resolve_cache) == 2);
  CHECK(bench.registry.request_count(RequestKind::content) == 3);
  CHECK(bench.registry.violations().empty());
  for (const mock::RequestRecord& request : bench.registry.requests()) {
    CHECK(request.method == "GET");
    CHECK(request.had_authorization == (request.host == mock::Host::hub));
  }
}

TEST_CASE("hugging face: many threads ask once for one file", "[source]") {
  HuggingFaceBench bench;
  const auto source = bench.source();
  const std::string commit = source->resolve({});
  const Manifest manifest = source->list({});
  const Artifact& model = find(manifest, "model.safetensors");
  constexpr std::uint64_t k_chunk = 250'000;
  std::vector<TextSink> sinks(k_big_size / k_chunk);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < sinks.size(); ++i) {
      threads.emplace_back([&, i] {
        const FetchResult result = source->fetch(model, {i * k_chunk, k_chunk}, sinks[i], {});
        if (result.verdict != http::Verdict::success) {
          sinks[i].text = result.cause;
        }
      });
    }
  }
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    CHECK(sinks[i].text == generated(7, {i * k_chunk, k_chunk}));
  }
  CHECK(bench.registry.request_count(RequestKind::resolve) == 1);
  CHECK(bench.registry.request_count(RequestKind::content) == sinks.size());
}

TEST_CASE("hugging face: locations are renewed", "[source]") {
  const auto style = GENERATE(mock::LocationStyle::s3, mock::LocationStyle::cloudfront);
  mock::Options options;
  options.location_style = style;
  HuggingFaceBench bench(options);
  const auto source = bench.source();
  const std::string commit = source->resolve({});
  const Manifest manifest = source->list({});
  const Artifact& model = find(manifest, "model.safetensors");
  TextSink sink;
  CHECK(source->fetch(model, {0, 10}, sink, {}).verdict == http::Verdict::success);

  SECTION("before they expire") {
    bench.clock.advance(std::chrono::minutes{51});
    CHECK(source->fetch(model, {10, 10}, sink, {}).verdict == http::Verdict::success);
    CHECK(bench.registry.request_count(RequestKind::content) == 2);
  }
  SECTION("when their host refuses them, at no cost") {
    bench.registry.set_clock_offset(std::chrono::hours{2});
    CHECK(source->fetch(model, {10, 10}, sink, {}).verdict == http::Verdict::success);
    CHECK(bench.registry.request_count(RequestKind::content) == 3);
  }
  SECTION("when told to forget") {
    source->forget(model);
    CHECK(source->fetch(model, {10, 10}, sink, {}).verdict == http::Verdict::success);
  }
  CHECK(sink.text == generated(7, {0, 20}));
  CHECK(bench.registry.request_count(RequestKind::resolve) == 2);
  CHECK(bench.registry.violations().empty());
}

TEST_CASE("hugging face: refusals in the documented words", "[source]") {
  HuggingFaceBench bench;
  mock::Repository gated = tiny();
  gated.id = "google/gemma-2-2b-it";
  gated.gated = true;
  bench.registry.add(gated);
  mock::Repository disabled = tiny();
  disabled.id = "acme/disabled";
  disabled.disabled = true;
  bench.registry.add(disabled);
  const std::string api = bench.registry.hub_url() + "/api/models/";

  const auto check = [&](const std::string& repository, std::string_view token,
                         util::ErrorKind kind, const std::vector<std::string>& parts) {
    const auto source = bench.source(repository, "", token);
    const util::Error error = error_of(*source);
    INFO(error.what());
    CHECK(error.kind() == kind);
    for (const std::string& part : parts) {
      CHECK(std::string(error.what()).find(part) != std::string::npos);
    }
  };
  check("google/gemma-2-2b-it", k_token, util::ErrorKind::unauthorized,
        {"Token unauthorized to access Hugging Face Repo: 403 Client Error. (Request ID: Root=1-",
         ")\n\nCannot access gated repo for url " + api +
             "google/gemma-2-2b-it/commits/main.\nAccess to model google/gemma-2-2b-it is "
             "restricted and you are not in the authorized list. Visit "
             "https://huggingface.co/google/gemma-2-2b-it to ask for access."});
  check("google/gemma-2-2b-it", "", util::ErrorKind::unauthorized,
        {"Token unauthorized to access Hugging Face Repo: 401 Client Error. (Request ID: "});
  check("acme/missing", "", util::ErrorKind::unauthorized,
        {"Token unauthorized to access Hugging Face Repo: 401 Client Error. (Request ID: ",
         "Repository Not Found for url: " + api + "acme/missing/commits/main."});
  check("acme/missing", k_token, util::ErrorKind::not_found,
        {"Hugging Face Repo not found: 404 Client Error. (Request ID: ",
         "Repository Not Found for url: " + api + "acme/missing/commits/main."});
  check("acme/disabled", k_token, util::ErrorKind::unauthorized,
        {"Token unauthorized to access Hugging Face Repo: 403 Client Error. (Request ID: ",
         "Cannot access repository for url "});
  check("acme/tiny", "hf_unknown", util::ErrorKind::unauthorized,
        {"Token unauthorized to access Hugging Face Repo: 401 Client Error. (Request ID: ",
         "Invalid credentials in Authorization header"});
  CHECK(bench.clock.waits().empty());

  const auto source = bench.source("acme/tiny", "no-such-branch");
  const util::Error error = error_of(*source);
  CHECK(error.kind() == util::ErrorKind::not_found);
  CHECK(std::string(error.what()).find("Revision Not Found for url: ") != std::string::npos);
}

TEST_CASE("hugging face: revisions of all kinds", "[source]") {
  HuggingFaceBench bench;
  mock::Repository repository = tiny();
  const std::string commit = repository.commits.front().id;
  repository.id = "acme/revisions";
  repository.refs["refs/pr/1"] = commit;
  repository.refs["v1.0"] = commit;
  bench.registry.add(repository);
  for (const std::string& revision : {std::string(), std::string("main"), std::string("v1.0"),
                                      std::string("refs/pr/1"), commit.substr(0, 9), commit}) {
    CHECK(bench.source("acme/revisions", revision)->resolve({}) == commit);
  }
}

TEST_CASE("hugging face: renamed repositories and poorer mirrors", "[source]") {
  SECTION("renamed") {
    HuggingFaceBench bench;
    mock::Repository old;
    old.id = "acme/old";
    old.renamed_to = "acme/tiny";
    bench.registry.add(old);
    const auto source = bench.source("acme/old");
    const std::string commit = source->resolve({});
    const Manifest manifest = source->list({});
    CHECK(manifest.artifacts.size() == 4);
    CHECK(fetch_all(*source, find(manifest, "config.json")) == "{\"a\": 1}\n");
  }
  SECTION("a mirror that has only what it must") {
    mock::Options options;
    options.mirror = {
        .has_commits = false, .has_tree = false, .has_repo_commit = false, .redirects = false};
    HuggingFaceBench bench(options);
    const auto source = bench.source("acme/tiny", "", "");
    const std::string commit = source->resolve({});
    CHECK(commit.size() == 40);
    const Manifest manifest = source->list({});
    REQUIRE(manifest.artifacts.size() == 4);
    CHECK(find(manifest, "model.safetensors").size == k_big_size);
    CHECK(fetch_all(*source, find(manifest, "config.json")) == "{\"a\": 1}\n");
    CHECK(fetch_all(*source, find(manifest, "model.safetensors")) == generated(7, {0, k_big_size}));
    CHECK(bench.registry.request_count(RequestKind::content) == 0);
  }
}

TEST_CASE("hugging face: trees of many pages", "[source]") {
  HuggingFaceBench bench;
  std::vector<mock::File> files;
  for (int i = 0; i < 2500; ++i) {
    files.push_back(mock::regular_file("d/" + std::to_string(i), std::to_string(i)));
  }
  bench.registry.add(mock::make_repository("acme/many", std::move(files)));
  const auto source = bench.source("acme/many");
  const std::string commit = source->resolve({});
  CHECK(source->list({}).artifacts.size() == 2500);
  CHECK(bench.registry.request_count(RequestKind::tree) == 3);
}

}  // namespace
}  // namespace nai::source
