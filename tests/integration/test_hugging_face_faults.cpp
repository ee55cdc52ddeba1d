// SPDX-License-Identifier: Apache-2.0
// The Hugging Face source when Hub, CDN or the wire between do wrong.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "integration/hugging_face_bench.hpp"

namespace nai::source {
namespace {

TEST_CASE("hugging face: a location refused again and again is a failed attempt", "[source]") {
  HuggingFaceBench bench;
  const auto source = bench.source();
  const std::string commit = source->resolve({});
  const Manifest manifest = source->list({});
  bench.registry.set_fault_hook([](const mock::RequestInfo& request) {
    mock::Fault fault;
    if (request.kind == RequestKind::content) {
      fault.answer = mock::text_response(403, "<Error><Code>No</Code></Error>");
    }
    return fault;
  });
  TextSink sink;
  const FetchResult result = source->fetch(find(manifest, "model.safetensors"), {0, 10}, sink, {});
  CHECK(result.verdict == http::Verdict::retry);
  CHECK(result.cause.find("403 Forbidden: No") != std::string::npos);
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
      HuggingFaceBench bench;
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
  HuggingFaceBench bench;
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
  HuggingFaceBench bench;
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

TEST_CASE("hugging face: rate limits are waited for", "[source]") {
  HuggingFaceBench bench;
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
  HuggingFaceBench bench;
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
      HuggingFaceBench bench;
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
