// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>

#include "e2e/huge.hpp"
#include "e2e/job.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;

TEST_CASE("a file of 200 GB is resumed at its far end") {
  mock::Registry registry(over_tls());
  add_huge_model(registry);
  Job job(registry, "org/huge");
  job.environment["LOCK_DEAD_AFTER"] = "1s";  // there is no lease, and somebody might be at work
  leave_almost_everything(job);
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK(registry.content_bytes_served() < (k_huge_size - k_huge_present) * 11 / 10);
  CHECK(std::filesystem::file_size(job.model_file("model.safetensors")) == k_huge_size);
  CHECK(result.peak_rss_bytes < 128U * 1024 * 1024);
}

TEST_CASE("a file that cannot fit is refused before it is fetched, with both figures") {
  mock::Registry registry(over_tls());
  const auto zeros = mock::Content::zeros(k_huge_size * 5);
  zeros.assume_sha256(k_huge_sha256);
  registry.add(mock::make_repository("org/huge", {mock::lfs_file("model.safetensors", zeros)}));
  const Job job(registry, "org/huge");
  const auto available = std::filesystem::space(job.mount()).available;
  if (available > zeros.size()) {
    SKIP("there is room for it here");
  }
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 7);
  CHECK_THAT(job.termination_message(),
             ContainsSubstring("1.00 TB") && ContainsSubstring("available"));
  CHECK(registry.content_bytes_served() == 0);
  // Others may need it.
  CHECK(std::filesystem::space(job.mount()).available > available / 2);
}
