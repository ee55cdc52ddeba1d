// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <nai/storage/journal.hpp>
#include <nai/storage/layout.hpp>

#include "e2e/job.hpp"

namespace nai::test {

// A file of zeros, so that neither side needs the space; SHA-256 of all of it, and its state 100 MB
// before the end. Hashing it anew takes two minutes.
inline constexpr std::uint64_t k_huge_size = 200'000'000'000;
inline constexpr std::uint64_t k_huge_present = 199'900'000'000;
inline const std::string k_huge_sha256 =
    "7b9359a4ac835afcfd69b7034e998b64bd5c6880595800c5037ac3eab3283483";
inline const std::string k_huge_state =
    "sha256;200000000000;199900000000;"
    "50a4787a02e1465ddc450b4970b75bb8a95768b89adfce5c6f64b953e75762fe;;"
    "d0a2d9853dca5903";

// The model org/huge.
inline void add_huge_model(mock::Registry& registry) {
  const auto zeros = mock::Content::zeros(k_huge_size);
  zeros.assume_sha256(k_huge_sha256);
  registry.add(mock::make_repository("org/huge", {mock::lfs_file("model.safetensors", zeros)}));
}

// What a run leaves that was killed 100 MB before the end.
inline void leave_almost_everything(const Job& job) {
  const storage::FileIdentity file{.path = "model.safetensors",
                                   .size = k_huge_size,
                                   .digest = *digest::Digest::parse("sha256:" + k_huge_sha256)};
  const storage::Layout layout(job.mount());
  std::filesystem::create_directories(layout.work());
  std::ofstream(layout.partial(file.path, file.digest), std::ios::binary).close();
  std::filesystem::resize_file(layout.partial(file.path, file.digest), k_huge_size);
  storage::JournalContent content;
  content.durable.add({0, k_huge_present});
  content.hasher = digest::Hasher::restore(digest::Algorithm::sha256, k_huge_size, k_huge_state);
  REQUIRE(content.hasher);
  storage::Journal::create(layout.journal(file.path, file.digest), file, content);
}

}  // namespace nai::test
