// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>

#include "e2e/job.hpp"

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using namespace nai::test;

namespace {

const mock::Content k_weights = mock::Content::generated(1, 60'000'000);

void add_model(mock::Registry& registry) {
  registry.add(mock::make_repository("org/model", {mock::lfs_file("model.safetensors", k_weights),
                                                   mock::regular_file("config.json", "{}")}));
}

}  // namespace

TEST_CASE("a network that is gone ends in the documented sentence, and nothing fetched is lost") {
  mock::Registry registry(over_tls());
  add_model(registry);
  Job job(registry, "org/model");
  job.environment["MAX_RETRIES"] = "1";
  job.environment["RETRY_DELAY"] = "1ms";
  SECTION("the Hub") {
    registry.down(mock::Host::hub);
    const auto result = job.run();
    INFO(result.err);
    CHECK(result.exit_status == 75);
    CHECK_THAT(job.termination_message(), StartsWith("Hugging Face Network connection Issue\n"));
    CHECK_THAT(job.termination_message(), ContainsSubstring("127.0.0.1"));
    CHECK(std::filesystem::is_empty(job.mount()));
    registry.up(mock::Host::hub);
  }
  SECTION("the CDN") {
    registry.down(mock::Host::cdn);
    const auto result = job.run();
    INFO(result.err);
    CHECK(result.exit_status == 75);
    CHECK_THAT(job.termination_message(), StartsWith("Hugging Face Network connection Issue\n"));
    CHECK_THAT(job.termination_message(), ContainsSubstring("model.safetensors"));
    CHECK(result.err.ends_with(job.termination_message() + "\n"));
    CHECK_FALSE(std::filesystem::exists(job.model_file("model.safetensors")));
    registry.up(mock::Host::cdn);
  }
  CHECK(job.run().exit_status == 0);
  CHECK(same_content(job.model_file("model.safetensors"), k_weights));
}

TEST_CASE("a certificate that nobody vouches for is named, with the way out") {
  mock::Registry registry(over_tls());
  add_model(registry);
  Job job(registry, "org/model");
  job.environment.erase("SSL_CERT_FILE");
  job.environment["MAX_RETRIES"] = "1";
  job.environment["RETRY_DELAY"] = "1ms";
  const auto result = job.run();
  INFO(result.err);
  CHECK(result.exit_status == 75);
  CHECK_THAT(job.termination_message(), StartsWith("Hugging Face Network connection Issue\n"));
  CHECK_THAT(job.termination_message(), ContainsSubstring("SSL_CERT_FILE"));
}

TEST_CASE("connections that break again and again do no harm") {
  mock::Registry registry(over_tls());
  add_model(registry);
  registry.set_fault_hook([](const mock::RequestInfo& request) {
    mock::Fault fault;
    if (request.kind == mock::RequestKind::content && request.attempt % 3 != 0) {
      fault.cut = mock::Fault::Cut::inside_body;
      fault.cut_after_body_bytes = 1'500'000;
    }
    return fault;
  });
  Job job(registry, "org/model");
  job.environment["RETRY_DELAY"] = "1ms";
  const auto result = job.run();
  INFO(result.err);
  CHECK(result.exit_status == 0);
  CHECK(same_content(job.model_file("model.safetensors"), k_weights));
  CHECK(registry.violations().empty());
}

TEST_CASE("locations that expire are renewed, whatever the pod's clock says") {
  mock::Options options = over_tls();
  options.location_lifetime = std::chrono::seconds(1);
  options.shaping.total_bytes_per_second = 20'000'000;
  mock::Registry registry(options);
  registry.set_clock_offset(std::chrono::hours(24 * 365));
  add_model(registry);
  Job job(registry, "org/model");
  job.environment["CHUNK_SIZE"] = "2MiB";
  job.environment["CONNECTIONS"] = "2";
  const auto result = job.run();
  INFO(result.err);
  CHECK(result.exit_status == 0);
  CHECK(same_content(job.model_file("model.safetensors"), k_weights));
  CHECK(registry.request_count(mock::RequestKind::resolve) > 2);
}

TEST_CASE("one flipped byte is found, fetched again, and never published") {
  mock::Registry registry(over_tls());
  add_model(registry);
  SECTION("once") {
    std::atomic<bool> flipped = false;
    registry.set_fault_hook([&](const mock::RequestInfo& request) {
      mock::Fault fault;
      // Any of the connections may be the first to ask; this one asks for the byte.
      const bool has_byte = request.kind == mock::RequestKind::content &&
                            request.range.value_or("").starts_with("bytes=0-");
      if (has_byte && !flipped.exchange(true)) {
        fault.edits.push_back({mock::Fault::Edit::Kind::flip, 1'000'000, 1});
      }
      return fault;
    });
    const Job job(registry, "org/model");
    const auto result = job.run();
    INFO(result.err);
    CHECK(result.exit_status == 0);
    CHECK_THAT(result.err, ContainsSubstring("model.safetensors has checksum sha256:") &&
                               ContainsSubstring(k_weights.sha256()));
    CHECK(same_content(job.model_file("model.safetensors"), k_weights));
  }
  SECTION("always") {
    registry.set_fault_hook([](const mock::RequestInfo&) {
      mock::Fault fault;
      fault.edits.push_back({mock::Fault::Edit::Kind::flip, 1'000'000, 1});
      return fault;
    });
    const Job job(registry, "org/model");
    const auto result = job.run();
    INFO(result.err);
    CHECK(result.exit_status == 5);
    CHECK_THAT(job.termination_message(), ContainsSubstring("model.safetensors"));
    CHECK_FALSE(std::filesystem::exists(job.model_file("model.safetensors")));
  }
}
