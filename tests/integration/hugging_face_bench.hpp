// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <catch2/catch_test_macros.hpp>

#include <nai/http/curl_client.hpp>
#include <nai/source/hugging_face.hpp>
#include <nai/util/error.hpp>

#include "support/captured_log.hpp"
#include "support/fake_clock.hpp"
#include "support/mock/registry.hpp"
#include "support/temporary_directory.hpp"
#include "support/text_sink.hpp"

// A Hugging Face source that speaks through libcurl and TLS with a mock Hub and its CDN.
namespace nai::source {

using mock::RequestKind;

inline constexpr std::uint64_t k_big_size = 3'000'000;
inline constexpr std::string_view k_token = "hf_alice";

inline mock::Options with_tls(mock::Options options = {}) {
  options.tls = true;
  options.tokens = {{"alice", std::string(k_token)}, {"bob", "hf_bob"}};
  return options;
}

inline mock::Repository tiny() {
  return mock::make_repository(
      "acme/tiny",
      {mock::regular_file("config.json", "{\"a\": 1}\n"), mock::regular_file("empty", ""),
       mock::regular_file("sub dir/weird #%name.txt", "hello"),
       mock::lfs_file("model.bin", mock::Content::generated(8, 10)),
       mock::lfs_file("model.safetensors", mock::Content::generated(7, k_big_size))});
}

// A mock registry, a client that trusts its authority, and sources on it.
struct HuggingFaceBench {
  explicit HuggingFaceBench(mock::Options options = {}, std::chrono::seconds stall_timeout = {})
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
  test::FakeClock clock;
  test::CapturedLog log;
};

inline std::string generated(std::uint64_t seed, util::ByteRange range) {
  std::string bytes(range.length, '\0');
  mock::fill_generated(seed, range.offset, bytes);
  return bytes;
}

inline const Artifact& find(const Manifest& manifest, std::string_view path) {
  const auto found = std::find_if(manifest.artifacts.begin(), manifest.artifacts.end(),
                                  [&](const Artifact& a) { return a.path == path; });
  REQUIRE(found != manifest.artifacts.end());
  return *found;
}

inline std::string fetch_all(Source& source, const Artifact& artifact) {
  TextSink sink;
  const FetchResult result = source.fetch(artifact, {0, artifact.size}, sink, {});
  CHECK(result.cause.empty());
  CHECK(result.verdict == http::Verdict::success);
  return sink.text;
}

inline util::Error error_of(Source& source) {
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

}  // namespace nai::source
