// SPDX-License-Identifier: Apache-2.0
// The Hugging Face source, through libcurl and TLS, against the mock Hub and its CDN.
#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <nai/http/curl_client.hpp>
#include <nai/source/hugging_face.hpp>
#include <nai/util/error.hpp>

#include "support/captured_log.hpp"
#include "support/fake_clock.hpp"
#include "support/mock/registry.hpp"
#include "support/temporary_directory.hpp"

namespace nai::source {
namespace {

using mock::RequestKind;
using test::CapturedLog;
using test::FakeClock;

constexpr std::uint64_t k_big_size = 3'000'000;
constexpr std::string_view k_token = "hf_alice";

class TextSink : public RangeSink {
 public:
  bool write(std::span<const std::byte> data) override {
    for (const std::byte byte : data) {
      text += static_cast<char>(byte);
    }
    return true;
  }
  std::string text;
};

mock::Options with_tls(mock::Options options = {}) {
  options.tls = true;
  options.tokens = {{"alice", std::string(k_token)}, {"bob", "hf_bob"}};
  return options;
}

mock::Repository tiny() {
  return mock::make_repository(
      "acme/tiny",
      {mock::regular_file("config.json", "{\"a\": 1}\n"), mock::regular_file("empty", ""),
       mock::regular_file("sub dir/weird #%name.txt", "hello"),
       mock::lfs_file("model.bin", mock::Content::generated(8, 10)),
       mock::lfs_file("model.safetensors", mock::Content::generated(7, k_big_size))});
}

// A mock registry, a client that trusts its authority, and sources on it.
struct Bench {
  explicit Bench(mock::Options options = {}, std::chrono::seconds stall_timeout = {})
      : registry(with_tls(std::move(options))) {
    registry.add(tiny());
    registry.write_ca(directory.path() / "ca.pem");
    http::CurlClientOptions client_options{.extra_ca_files = {directory.path() / "ca.pem"}};
    if (stall_timeout.count() != 0) {
      client_options.stall_timeout = stall_timeout;
    }
    client = http::make_curl_client(client_options);
  }

  std::unique_ptr<Source> source(const std::string& repository = "acme/tiny",
                                 const std::string& revision = "",
                                 std::string_view token = k_token) {
    return make_hugging_face_source({.endpoint = http::Url::parse(registry.hub_url()).value(),
                                     .repository = repository,
                                     .revision = revision,
                                     .token = std::string(token)},
                                    *client, clock, log);
  }

  test::TemporaryDirectory directory;
  mock::Registry registry;
  std::unique_ptr<http::Client> client;
  FakeClock clock;
  CapturedLog log;
};

std::string generated(std::uint64_t seed, util::ByteRange range) {
  std::string bytes(range.length, '\0');
  mock::fill_generated(seed, range.offset, bytes);
  return bytes;
}

const Artifact& find(const Manifest& manifest, std::string_view path) {
  const auto found = std::find_if(manifest.artifacts.begin(), manifest.artifacts.end(),
                                  [&](const Artifact& a) { return a.path == path; });
  REQUIRE(found != manifest.artifacts.end());
  return *found;
}

std::string fetch_all(Source& source, const Artifact& artifact) {
  TextSink sink;
  const FetchResult result = source.fetch(artifact, {0, artifact.size}, sink, {});
  CHECK(result.cause.empty());
  CHECK(result.verdict == http::Verdict::success);
  return sink.text;
}

util::Error error_of(Source& source) {
  try {
    std::string commit = source.resolve({});
    const Manifest manifest = source.list({});
    TextSink sink;
    const FetchResult result = source.fetch(manifest.artifacts.front(), {0, 1}, sink, {});
    return {util::ErrorKind::internal, "no error at commit " + commit + ", " + result.cause};
  } catch (const util::Error& error) {
    return error;
  }
}

TEST_CASE("hugging face: resolves, lists and fetches", "[source]") {
  Bench bench;
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
  // One question a file, none for the empty one, and no HEAD.
  CHECK(bench.registry.request_count(RequestKind::resolve) == 3);
  CHECK(bench.registry.request_count(RequestKind::content) == 3);
  CHECK(bench.registry.violations().empty());
  for (const mock::RequestRecord& request : bench.registry.requests()) {
    CHECK(request.method == "GET");
    CHECK(request.had_authorization == (request.host == mock::Host::hub));
  }
}

TEST_CASE("hugging face: many threads ask once for one file", "[source]") {
  Bench bench;
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
  Bench bench(options);
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

TEST_CASE("hugging face: a location refused again and again is a failed attempt", "[source]") {
  Bench bench;
  const auto source = bench.source();
  const std::string commit = source->resolve({});
  const Manifest manifest = source->list({});
  bench.registry.set_fault_hook([](const mock::RequestInfo& request) {
    mock::Fault fault;
    if (request.kind == RequestKind::content) {
      fault.answer = mock::text_response(403, "<Error>no</Error>");
    }
    return fault;
  });
  TextSink sink;
  const FetchResult result = source->fetch(find(manifest, "model.safetensors"), {0, 10}, sink, {});
  CHECK(result.verdict == http::Verdict::retry);
  CHECK(result.cause.find("403 Forbidden: <Error>no</Error>") != std::string::npos);
  CHECK(result.cause.find('?') == std::string::npos);
  CHECK(sink.text.empty());
  CHECK(bench.registry.request_count(RequestKind::resolve) == 3);
}

TEST_CASE("hugging face: wrong content never reaches the sink", "[source]") {
  struct Row {
    std::string name;
    mock::Fault fault;
    std::string cause;
  };
  const std::vector<Row> rows = {
      {"200 for a range", {.ignore_range = true}, "got the whole file (200)"},
      {"another range",
       {.headers = {{"Content-Range", "bytes 11-20/3000000"}}},
       "got Content-Range \"bytes 11-20/3000000\""},
      {"no range", {.headers = {{"Content-Range", std::nullopt}}}, "no Content-Range"},
      {"unknown total",
       {.headers = {{"Content-Range", "bytes 10-19/*"}}},
       "got Content-Range \"bytes 10-19/*\""},
      {"another total",
       {.headers = {{"Content-Range", "bytes 10-19/3000001"}}},
       "3000001 bytes of a file that is listed with 3000000"},
      {"encoded", {.headers = {{"Content-Encoding", "gzip"}}}, "encoded (gzip)"},
      {"another entity", {.etag = "\"other\""}, "the file changed"},
      {"cut before the header", {.cut = mock::Fault::Cut::before_head}, "127.0.0.2"},
      {"cut inside the header", {.cut = mock::Fault::Cut::inside_head}, "127.0.0.2"},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      Bench bench;
      const auto source = bench.source();
      const std::string commit = source->resolve({});
      const Manifest manifest = source->list({});
      const Artifact& model = find(manifest, "model.safetensors");
      TextSink sink;
      CHECK(source->fetch(model, {0, 10}, sink, {}).verdict == http::Verdict::success);
      bench.registry.set_fault_hook([&](const mock::RequestInfo& request) {
        return request.kind == RequestKind::content ? row.fault : mock::Fault{};
      });
      const FetchResult result = source->fetch(model, {10, 10}, sink, {});
      CHECK(result.verdict == http::Verdict::retry);
      CHECK(result.cause.find(row.cause) != std::string::npos);
      INFO(result.cause);
      CHECK(sink.text == generated(7, {0, 10}));
      bench.registry.set_fault_hook({});
      CHECK(source->fetch(model, {10, 10}, sink, {}).verdict == http::Verdict::success);
      CHECK(sink.text == generated(7, {0, 20}));
    }
  }
}

TEST_CASE("hugging face: bytes before a cut count", "[source]") {
  const auto cut = GENERATE(mock::Fault::Cut::inside_body, mock::Fault::Cut::inside_tls_record);
  const bool reset = GENERATE(false, true);
  const bool chunked = GENERATE(false, true);
  Bench bench;
  const auto source = bench.source();
  const std::string commit = source->resolve({});
  const Manifest manifest = source->list({});
  bench.registry.set_fault_hook([&](const mock::RequestInfo& request) {
    mock::Fault fault;
    if (request.kind == RequestKind::content) {
      fault = {.cut = cut, .cut_after_body_bytes = 500'000, .reset = reset, .chunked = chunked};
    }
    return fault;
  });
  TextSink sink;
  const FetchResult result =
      source->fetch(find(manifest, "model.safetensors"), {100, 1'000'000}, sink, {});
  CHECK(result.verdict == http::Verdict::retry);
  CHECK(result.cause.find(" of 1000000 bytes") != std::string::npos);
  INFO(result.cause);
  CHECK(sink.text.size() <= 500'000);
  CHECK(sink.text == generated(7, {100, sink.text.size()}));
}

TEST_CASE("hugging face: a tree that lies about a size is found out", "[source]") {
  Bench bench;
  mock::Repository liar = tiny();
  liar.id = "acme/liar";
  const bool longer = GENERATE(false, true);
  mock::File& file = liar.commits.front().files.back();
  file.listed_size = longer ? k_big_size + 1 : k_big_size - 1;
  bench.registry.add(liar);
  const auto source = bench.source("acme/liar");
  const std::string commit = source->resolve({});
  const Manifest manifest = source->list({});
  const Artifact& model = find(manifest, "model.safetensors");
  TextSink sink;
  CHECK(source->fetch(model, {0, 10}, sink, {}).verdict == http::Verdict::retry);
  CHECK(source->fetch(model, {0, 10}, sink, {}).verdict == http::Verdict::retry);
  try {
    const FetchResult result = source->fetch(model, {0, 10}, sink, {});
    FAIL("no error: " << result.cause);
  } catch (const util::Error& error) {
    CHECK(error.kind() == util::ErrorKind::content_mismatch);
    CHECK(std::string(error.what()).find("model.safetensors") != std::string::npos);
  }
  CHECK(sink.text.empty());
}

TEST_CASE("hugging face: refusals in the documented words", "[source]") {
  Bench bench;
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
  Bench bench;
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
    Bench bench;
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
    Bench bench(options);
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
  Bench bench;
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

TEST_CASE("hugging face: rate limits are waited for", "[source]") {
  Bench bench;
  bench.registry.set_fault_hook([](const mock::RequestInfo& request) {
    mock::Fault fault;
    if (request.attempt == 1 && request.host == mock::Host::hub) {
      mock::Response refusal = mock::text_response(429, "slow down");
      refusal.headers.add("RateLimit", "\"api\";r=0;t=172");
      fault.answer = refusal;
    }
    return fault;
  });
  const auto source = bench.source();
  const std::string commit = source->resolve({});
  const auto waits = bench.clock.waits();
  REQUIRE(waits.size() == 1);
  CHECK(waits[0] >= std::chrono::seconds{172});
  CHECK(waits[0] <= std::chrono::seconds{173});
  CHECK(bench.log.count("hub_retry") == 1);

  const Manifest manifest = source->list({});
  TextSink sink;
  const Artifact& model = find(manifest, "model.safetensors");
  const FetchResult result = source->fetch(model, {0, 10}, sink, {});
  CHECK(result.verdict == http::Verdict::rate_limited);
  CHECK(result.server_wish == std::chrono::seconds{172});
  CHECK(result.cause.find("slow down") != std::string::npos);
  // Nobody is asked before the time.
  bench.clock.advance(std::chrono::seconds{100});
  CHECK(source->fetch(find(manifest, "config.json"), {0, 9}, sink, {}).server_wish ==
        std::chrono::seconds{72});
  bench.clock.advance(std::chrono::seconds{72});
  CHECK(source->fetch(model, {0, 10}, sink, {}).verdict == http::Verdict::success);
}

TEST_CASE("hugging face: a Hub that is down", "[source]") {
  Bench bench;
  bench.registry.down(mock::Host::hub);
  const auto source = bench.source();
  const util::Error error = error_of(*source);
  CHECK(error.kind() == util::ErrorKind::temporary);
  const std::string what = error.what();
  INFO(what);
  CHECK(
      what.starts_with("Hugging Face Network connection Issue\nasking for the commit of "
                       "acme/tiny at revision main failed after 10 tries: "));
  CHECK(what.find(bench.registry.hub_url() + "/api/models/acme/tiny/commits/main") !=
        std::string::npos);
  CHECK(bench.clock.waits().size() == 9);
  CHECK(bench.log.count("hub_retry") == 9);
}

TEST_CASE("hugging face: certificates", "[source]") {
  struct Row {
    mock::CertificateKind kind;
    std::string reason;
  };
  const std::vector<Row> rows = {
      {mock::CertificateKind::expired, "expired"},
      {mock::CertificateKind::wrong_name, "127.0.0.1"},
      {mock::CertificateKind::unknown_issuer, "SSL_CERT_FILE"},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.reason) {
      Bench bench;
      bench.registry.set_certificate(mock::Host::hub, row.kind);
      const auto source = bench.source();
      const util::Error error = error_of(*source);
      CHECK(error.kind() == util::ErrorKind::temporary);
      const std::string what = error.what();
      INFO(what);
      CHECK(what.starts_with("Hugging Face Network connection Issue\n"));
      CHECK(what.find("the certificate of 127.0.0.1 is not trusted: ") != std::string::npos);
      CHECK(what.find(row.reason) != std::string::npos);
      CHECK(bench.clock.waits().empty());
    }
  }
}

}  // namespace
}  // namespace nai::source
