// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "integration/nim_bench.hpp"

using Catch::Matchers::ContainsSubstring;
using nai::util::ErrorKind;
using namespace nai::source;
using namespace nai::test;

namespace {

Manifest planned(NimSource& source) {
  static_cast<void>(source.resolve({}));
  return source.list({});
}

const Artifact& artifact_at(const Manifest& manifest, const std::string& end) {
  const auto found = std::find_if(manifest.artifacts.begin(), manifest.artifacts.end(),
                                  [&](const Artifact& a) { return a.path.ends_with(end); });
  REQUIRE(found != manifest.artifacts.end());
  return *found;
}

NimOptions with_profile(const NimBench& bench, const std::string& profile) {
  NimOptions options = bench.options();
  options.wishes.profile = profile;
  return options;
}

}  // namespace

TEST_CASE("an image is resolved whatever way the registry asks for a token") {
  using mock::ChallengeStyle;
  for (const auto style :
       {ChallengeStyle::nvidia, ChallengeStyle::query_in_realm, ChallengeStyle::no_scope,
        ChallengeStyle::with_service, ChallengeStyle::basic}) {
    NimBench bench({.challenge = style});
    mock::NimImage image = nim_image(manifest_v1());
    image.as_index = true;
    const std::string digest = bench.service.add(image);
    const auto source = bench.source(bench.options());
    CHECK(source->resolve({}) == digest);
    CHECK(source->plan().reference_digest != digest);
    CHECK(bench.service.violations().empty());
  }
}

TEST_CASE("a public image needs no key") {
  NimBench bench;
  mock::NimImage image = nim_image(manifest_v1());
  image.repository = "nim/nvidia/public";
  image.is_public = true;
  const std::string digest = bench.service.add(image);
  NimOptions options = bench.options();
  options.ngc_key = "";
  options.image = bench.service.host() + "/nim/nvidia/public:1.2.2";
  CHECK(bench.source(options)->resolve({}) == digest);
  options.image = bench.service.host() + "/nim/nvidia/public@" + digest;
  CHECK(bench.source(options)->resolve({}) == digest);
}

TEST_CASE("profiles are listed with their sizes, and nothing is staged unasked") {
  NimBench bench;
  const auto source = bench.source(bench.options());
  const Manifest manifest = planned(*source);
  CHECK(manifest.artifacts.empty());
  const NimPlan& plan = source->plan();
  REQUIRE(plan.profiles.size() == 2);
  CHECK(plan.profiles[0].name == "tensorrt_llm-l40s-bf16-tp1-throughput");
  CHECK(plan.profiles[1].name == "vllm-bf16-tp1-pp1");
  CHECK(plan.profiles[1].bytes == 200'001 + 7 + 8 + 5);
  CHECK_FALSE(plan.chosen);
  CHECK_THAT(plan.manifest_origin, ContainsSubstring("/" + std::string(k_manifest_path)));

  const std::size_t layers = bench.service.request_count("/layers/");
  const auto again = bench.source(bench.options());
  CHECK(planned(*again).artifacts.empty());
  CHECK(again->plan().profiles.size() == 2);
  CHECK(again->plan().manifest_origin == plan.manifest_origin);
  // Only the configuration.
  CHECK(bench.service.request_count("/layers/") == layers + 1);
}

TEST_CASE("a profile becomes blobs, links and references, and its bytes are the right ones") {
  NimBench bench;
  const auto source = bench.source(with_profile(bench, k_engine_profile));
  const Manifest manifest = planned(*source);
  CHECK(manifest.artifacts.size() == 3);  // both versions have the same LICENSE.txt
  CHECK(manifest.links.size() == 4);
  CHECK(manifest.references.size() == 3);  // one a version, and hf-hub's version.txt
  const std::string base = "ngc/hub/models--nim--meta--llama-3_1-8b-instruct/";
  CHECK(std::any_of(manifest.links.begin(), manifest.links.end(), [&](const Link& link) {
    return link.path == base + "snapshots/" + k_engine_version + "/rank0.engine" &&
           link.target == "../../blobs/3e710a79e58ddecbe63a8dffa7464658-3091";
  }));
  const Artifact& engine = artifact_at(manifest, "-3091");
  CHECK(engine.size == 100'000);
  CHECK(engine.digest.hex() == mock::Content::generated(3, 100'000).sha256());
  TextSink sink;
  const FetchResult result = source->fetch(engine, {1000, 5000}, sink, {});
  CHECK(result.cause.empty());
  std::string expected(5000, '\0');
  mock::fill_generated(3, 1000, expected);
  CHECK(sink.text == expected);
  CHECK(bench.service.violations().empty());
}

TEST_CASE("a refusal in the middle of a transfer that NGC let begin is no verdict on the key") {
  NimBench bench({.location_lifetime = std::chrono::seconds(600)});
  const auto source = bench.source(with_profile(bench, k_generic_profile));
  const Manifest manifest = planned(*source);
  const Artifact& weights = artifact_at(manifest, "-949");
  bool refuses = true;
  bench.service.set_fault_hook([&](const mock::RequestInfo& info) -> mock::Fault {
    if (!refuses || info.target.find("/files/model-00001") == std::string::npos) {
      return {};
    }
    return {.answer = mock::json_response(401, "{}")};
  });
  TextSink sink;
  const FetchResult refused = source->fetch(weights, {0, 100}, sink, {});
  CHECK(refused.verdict == nai::http::Verdict::retry);
  CHECK_THAT(refused.cause, ContainsSubstring("401 Unauthorized"));
  refuses = false;
  CHECK(source->fetch(weights, {0, 100}, sink, {}).verdict == nai::http::Verdict::success);
  CHECK(sink.text.size() == 100);
}

TEST_CASE("of all connections that met the same wrong answer, one counts") {
  NimBench bench({.location_lifetime = std::chrono::seconds(600)});
  const auto source = bench.source(with_profile(bench, k_generic_profile));
  const Manifest manifest = planned(*source);
  const Artifact& weights = artifact_at(manifest, "-949");
  constexpr std::size_t k_connections = 4;
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t met = 0;
  bench.service.set_fault_hook([&](const mock::RequestInfo& info) -> mock::Fault {
    std::unique_lock lock(mutex);
    if (info.kind != mock::RequestKind::content || met == k_connections) {
      return {};
    }
    ++met;
    changed.notify_all();
    changed.wait_for(lock, std::chrono::seconds(30), [&] { return met == k_connections; });
    return {.headers = {{"ETag", "\"another\""}}};
  });
  std::atomic<int> refused = 0;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < k_connections; ++i) {
      threads.emplace_back([&, i] {
        TextSink sink;
        try {
          refused +=
              source->fetch(weights, {i * 100, 100}, sink, {}).verdict == nai::http::Verdict::retry;
        } catch (const nai::util::Error&) {
          refused += 100;
        }
      });
    }
  }
  CHECK(refused == k_connections);
  TextSink sink;
  CHECK(source->fetch(weights, {0, 100}, sink, {}).verdict == nai::http::Verdict::success);
}

TEST_CASE("an empty file is a file") {
  NimBench bench;
  auto models = ngc_models(1000);
  models[0].files[4].content = mock::Content::inline_bytes("");
  bench.service.add(models[0]);
  const auto source = bench.source(with_profile(bench, k_generic_profile));
  const Manifest manifest = planned(*source);
  CHECK(artifact_at(manifest, "a39e568b378709a9506dec28eab83355").size == 0);
}

TEST_CASE("the sizes of the table are asked for once, and their lack stops nothing") {
  NimBench bench;
  bench.service.set_fault_hook([](const mock::RequestInfo& info) -> mock::Fault {
    if (info.target.find("/v2/org/") == std::string::npos) {
      return {};
    }
    return {.answer = mock::json_response(503, "{}")};
  });
  const auto source = bench.source(bench.options());
  CHECK(planned(*source).artifacts.empty());
  CHECK(source->plan().profiles.size() == 2);
  CHECK_FALSE(source->plan().profiles[0].bytes);
  CHECK(bench.service.request_count("/v2/org/") == 1);
  CHECK(bench.log.count("sizes_unknown") == 1);
}

TEST_CASE("an image of another platform is told as what it is") {
  NimBench bench;
  NimOptions options = bench.options();
  options.platform = "linux/arm64";
  const auto source = bench.source(options);
  static_cast<void>(source->resolve({}));
  CHECK(source->plan().platform == "linux/amd64");
  CHECK(bench.log.count("platform_differs") == 1);
}

TEST_CASE("a location is renewed when it expired, and the key never leaves NGC") {
  NimBench bench({.location_lifetime = std::chrono::seconds(600)});
  const auto source = bench.source(with_profile(bench, k_generic_profile));
  const Manifest manifest = planned(*source);
  const Artifact& weights = artifact_at(manifest, "-949");
  for (const int hours : {0, 1, 2}) {
    bench.service.set_clock_offset(std::chrono::hours(hours));
    TextSink sink;
    const FetchResult result = source->fetch(weights, {0, 100}, sink, {});
    INFO(result.cause);
    CHECK(result.verdict == nai::http::Verdict::success);
    CHECK(sink.text.size() == 100);
  }
  CHECK(bench.service.violations().empty());
}

TEST_CASE("without NGC's list the checksums come from checksums.blake3, or there are none") {
  NimBench bench({.org_context_missing = true});
  auto models = ngc_models(1000);
  // BLAKE3 of "license", of which the other files have none.
  models[0].files.push_back(ngc_file(
      "checksums.blake3",
      mock::Content::inline_bytes(
          "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262  LICENSE.txt\n"),
      "6c30a70bdbf21dc4c3aed39feeb6e8dc"));
  for (auto& model : models) {
    bench.service.add(model);
  }
  const auto source = bench.source(with_profile(bench, k_generic_profile));
  const Manifest manifest = planned(*source);
  CHECK(artifact_at(manifest, "0355b8d0421a12e6aeb6a2e9ef42ae60").digest.to_string() ==
        "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  CHECK(artifact_at(manifest, "-949").digest == nai::digest::Digest::of_size(1000));
}

TEST_CASE("lists come in pages and in two shapes") {
  const bool counts_pages = GENERATE(true, false);
  for (const bool presigned : {false, true}) {
    NimBench bench(
        {.lists_presigned_only = presigned, .page_size = 2, .lists_count_pages = counts_pages});
    const auto source = bench.source(with_profile(bench, k_generic_profile));
    const Manifest manifest = planned(*source);
    CHECK(manifest.artifacts.size() == 5);
    CHECK(artifact_at(manifest, "-953").digest.hex() ==
          mock::Content::generated(2, 100'001).sha256());
  }
}

TEST_CASE("entity tags that are weak, absent or unusable name no blob wrongly") {
  NimBench bench;
  auto models = ngc_models(1000);
  models[0].files[0].etag = "W/\"0355b8d0421a12e6aeb6a2e9ef42ae60\"";
  models[0].files[1].etag = "";
  models[0].files[2].etag = "\"../../../etc/passwd\"";
  bench.service.add(models[0]);
  const auto source = bench.source(with_profile(bench, k_generic_profile));
  const Manifest manifest = planned(*source);
  static_cast<void>(artifact_at(manifest, "/blobs/0355b8d0421a12e6aeb6a2e9ef42ae60"));
  const Artifact& weights =
      artifact_at(manifest, "/blobs/" + mock::Content::generated(1, 1000).sha256());
  CHECK(weights.size == 1000);
  TextSink sink;
  CHECK(source->fetch(weights, {0, 1000}, sink, {}).cause.empty());
}

TEST_CASE("a list that disagrees with the manifest or with the files ends the run") {
  NimBench bench;
  auto models = ngc_models(1000);
  models[0].files[2].listed_size = 999;
  bench.service.add(models[0]);
  const auto lying = bench.error(with_profile(bench, k_generic_profile));
  CHECK(lying.kind() == ErrorKind::content_mismatch);
  CHECK_THAT(lying.what(), ContainsSubstring("lists with 999 bytes and has 1000"));

  models[0].files.erase(models[0].files.begin() + 2);
  bench.service.add(models[0]);
  const auto missing = bench.error(with_profile(bench, k_generic_profile));
  CHECK(missing.kind() == ErrorKind::not_found);
  CHECK_THAT(missing.what(), ContainsSubstring("model-00001-of-00002.safetensors, which is not "
                                               "among the 4 files that NGC lists"));
}

TEST_CASE("a native image and one without a manifest are reported, not refused") {
  NimBench bench;
  mock::NimImage image = nim_image(manifest_v1());
  image.labels["com.nvidia.nim.model_download_protocol"] = "native-v1";
  bench.service.add(image);
  const auto native = bench.source(bench.options());
  CHECK(planned(*native).artifacts.empty());
  CHECK_THAT(native->plan().reason, ContainsSubstring("native-v1"));

  image.labels.clear();
  image.layers.erase(image.layers.begin() + 1);
  bench.service.add(image);
  const auto bare = bench.source(bench.options());
  CHECK(planned(*bare).artifacts.empty());
  CHECK_THAT(bare->plan().reason, ContainsSubstring("no model manifest"));
}

TEST_CASE("layers that cannot be read are an error only for who wants a profile") {
  NimBench bench;
  mock::NimImage image = nim_image("profiles: [");
  bench.service.add(image);
  const auto source = bench.source(bench.options());
  CHECK(planned(*source).artifacts.empty());
  CHECK_THAT(source->plan().reason, ContainsSubstring("cannot be used"));
  CHECK(bench.error(with_profile(bench, k_generic_profile)).kind() == ErrorKind::content_mismatch);

  image.layers.back().content = mock::Content::inline_bytes("\x1f\x8b no archive at all");
  bench.service.add(image);
  const auto damaged = bench.source(bench.options());
  CHECK(planned(*damaged).artifacts.empty());
  CHECK_THAT(damaged->plan().reason, ContainsSubstring("cannot be unpacked"));
  CHECK(bench.service.violations().empty());
}

TEST_CASE("the image's own path of its manifest is the first to be tried, if it can be one") {
  NimBench bench;
  mock::NimImage image = nim_image(manifest_v1());
  mock::Tar other;
  other.file("srv/own.yaml", manifest_v2());
  image.layers.push_back(mock::gzip_layer(other));
  for (const auto& [path, schema] : {std::pair<std::string, std::string>{"/srv/own.yaml", "2.0.0"},
                                     {"/srv/own.yaml\n# found: x", "v1"},
                                     {"../../etc/shadow", "v1"}}) {
    image.environment = {"NIM_MANIFEST_PATH=" + path};
    bench.service.add(image);
    const auto source = bench.source(bench.options());
    CHECK(planned(*source).artifacts.empty());
    CHECK(source->plan().schema == schema);
    CHECK(source->plan().manifest_origin.find('\n') == std::string::npos);
  }
}

TEST_CASE("layers that cannot be had are an error only for who wants a profile") {
  NimBench bench;
  const mock::FaultHook no_layers = [](const mock::RequestInfo& info) -> mock::Fault {
    if (info.target.find("/blobs/") == std::string::npos) {
      return {};
    }
    return {.answer = mock::json_response(503, "{}")};
  };
  for (const std::string& profile : {std::string(), k_generic_profile}) {
    bench.service.set_fault_hook({});
    const auto source = bench.source(with_profile(bench, profile));
    static_cast<void>(source->resolve({}));
    bench.service.set_fault_hook(no_layers);
    if (profile.empty()) {
      CHECK(source->list({}).artifacts.empty());
      CHECK_THAT(source->plan().reason, ContainsSubstring("is out of order after 3 tries: 503"));
    } else {
      CHECK_THROWS_AS(source->list({}), nai::util::Error);
    }
  }
}

TEST_CASE("a token that ends in the middle is renewed") {
  NimBench bench({.token_uses = 2});
  const auto source = bench.source(bench.options());
  CHECK(planned(*source).artifacts.empty());
  CHECK(source->plan().profiles.size() == 2);
  CHECK(bench.service.request_count("/proxy_auth") > 1);
}

TEST_CASE("a token that ends in the middle of a layer is renewed, and the layer continued") {
  NimBench bench({.token_uses = 1, .redirects_blobs = false});
  bench.service.set_fault_hook([](const mock::RequestInfo& info) -> mock::Fault {
    if (info.target.find("/blobs/") != std::string::npos && !info.range) {
      return {.cut = mock::Fault::Cut::inside_body, .cut_after_body_bytes = 20};
    }
    return {};
  });
  const auto source = bench.source(bench.options());
  CHECK(planned(*source).artifacts.empty());
  CHECK(source->plan().profiles.size() == 2);
  CHECK(bench.service.violations().empty());
}

TEST_CASE("a layer that breaks off is continued, and one of wrong content is refused") {
  NimBench bench;
  bench.service.set_fault_hook([](const mock::RequestInfo& info) -> mock::Fault {
    if (info.target.starts_with("/layers/") && !info.range) {
      return {.cut = mock::Fault::Cut::inside_body, .cut_after_body_bytes = 20};
    }
    return {};
  });
  const auto source = bench.source(bench.options());
  CHECK(planned(*source).artifacts.empty());
  CHECK(source->plan().profiles.size() == 2);

  // Twenty bytes are no progress.
  bench.store.texts.clear();
  bench.service.set_fault_hook([](const mock::RequestInfo& info) -> mock::Fault {
    if (info.target.starts_with("/layers/")) {
      return {.cut = mock::Fault::Cut::inside_body, .cut_after_body_bytes = 20};
    }
    return {};
  });
  const auto before = bench.service.request_count("/layers/");
  CHECK(bench.error(with_profile(bench, k_generic_profile)).kind() == ErrorKind::temporary);
  CHECK(bench.service.request_count("/layers/") == before + 3);

  bench.store.texts.clear();
  bench.service.set_fault_hook([](const mock::RequestInfo& info) -> mock::Fault {
    if (info.target.starts_with("/layers/")) {
      return {.content = mock::Content::generated(9, 300)};
    }
    return {};
  });
  CHECK(bench.error(bench.options()).kind() == ErrorKind::temporary);
}
