// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>
#include <fstream>
#include <string>

#include "e2e/job.hpp"

#include <nai/storage/journal.hpp>
#include <nai/storage/layout.hpp>

using namespace nai;
using Catch::Matchers::ContainsSubstring;
using test::Job;

namespace {

// Zeros, so that neither side needs the space; SHA-256 of all of them, and its state 100 MB before
// the end. Hashing them anew takes two minutes.
constexpr std::uint64_t k_size = 200'000'000'000;
constexpr std::uint64_t k_present = 199'900'000'000;
const std::string k_sha256 = "7b9359a4ac835afcfd69b7034e998b64bd5c6880595800c5037ac3eab3283483";
const std::string k_state =
    "sha256;200000000000;199900000000;"
    "50a4787a02e1465ddc450b4970b75bb8a95768b89adfce5c6f64b953e75762fe;;"
    "d0a2d9853dca5903";

// What a run leaves that was killed 100 MB before the end.
void leave_almost_everything(const Job& job, const storage::FileIdentity& file) {
  const storage::Layout layout(job.mount());
  std::filesystem::create_directories(layout.work());
  std::ofstream(layout.partial(file.path, file.digest), std::ios::binary).close();
  std::filesystem::resize_file(layout.partial(file.path, file.digest), k_size);
  storage::JournalContent content;
  content.durable.add({0, k_present});
  content.hasher = digest::Hasher::restore(digest::Algorithm::sha256, k_size, k_state);
  REQUIRE(content.hasher);
  storage::Journal::create(layout.journal(file.path, file.digest), file, content);
}

}  // namespace

TEST_CASE("a file of 200 GB is resumed at its far end") {
  mock::Registry registry(test::over_tls());
  const auto zeros = mock::Content::zeros(k_size);
  zeros.assume_sha256(k_sha256);
  registry.add(mock::make_repository("org/huge", {mock::lfs_file("model.safetensors", zeros)}));
  Job job(registry, "org/huge");
  job.environment["LOCK_DEAD_AFTER"] = "1s";  // there is no lease, and somebody might be at work
  leave_almost_everything(job, {.path = "model.safetensors",
                                .size = k_size,
                                .digest = *digest::Digest::parse("sha256:" + k_sha256)});
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK(registry.content_bytes_served() < (k_size - k_present) * 11 / 10);
  CHECK(std::filesystem::file_size(job.model_file("model.safetensors")) == k_size);
  CHECK(result.peak_rss_bytes < 128U * 1024 * 1024);
}

TEST_CASE("a file that cannot fit is refused before it is fetched, with both figures") {
  mock::Registry registry(test::over_tls());
  const auto zeros = mock::Content::zeros(k_size * 5);
  zeros.assume_sha256(k_sha256);
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
