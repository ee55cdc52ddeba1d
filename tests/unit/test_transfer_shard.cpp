// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <nai/transfer/shard.hpp>

using namespace nai;
using transfer::k_portion_alignment;
using transfer::Shard;
using transfer::shard_of;

namespace {

constexpr std::uint64_t k_gb = 1'000'000'000;

source::Manifest manifest_of(const std::vector<std::uint64_t>& sizes) {
  source::Manifest manifest;
  manifest.revision = "abc";
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    manifest.artifacts.push_back(
        {fmt::format("file-{:05}", i), sizes[i], digest::Digest::of_size(sizes[i])});
  }
  return manifest;
}

std::vector<Shard> shards_of(const source::Manifest& manifest, std::size_t count) {
  std::vector<Shard> shards;
  for (std::size_t index = 0; index < count; ++index) {
    shards.push_back(shard_of(manifest, index, count));
  }
  return shards;
}

std::size_t portions_in(const std::vector<Shard>& shards) {
  std::size_t portions = 0;
  for (const Shard& shard : shards) {
    portions += shard.portions.size();
  }
  return portions;
}

// Every byte of every file in exactly one shard.
void check_partition(const source::Manifest& manifest, const std::vector<Shard>& shards) {
  std::map<std::string, util::RangeSet> seen;
  std::uint64_t total = 0;
  for (const Shard& shard : shards) {
    for (const auto& artifact : shard.manifest.artifacts) {
      const auto portion = shard.portions.find(artifact.path);
      const auto range =
          portion == shard.portions.end() ? util::ByteRange{0, artifact.size} : portion->second;
      CHECK((range.offset % k_portion_alignment == 0));
      CHECK((range.end() % k_portion_alignment == 0 || range.end() == artifact.size));
      seen[artifact.path].add(range);
      total += range.length;
    }
  }
  REQUIRE(seen.size() == manifest.artifacts.size());
  for (const auto& artifact : manifest.artifacts) {
    CHECK(seen[artifact.path].contains({0, artifact.size}));
  }
  CHECK(total == manifest.total_bytes());
}

}  // namespace

TEST_CASE("Shards are a partition of the model, whatever its files and their number") {
  const std::vector<std::vector<std::uint64_t>> models{
      {},
      {0},
      {0, 0, 0},
      {1},
      {5 * k_gb},
      {1, 0, 400 * k_gb, 7, 0},
      std::vector<std::uint64_t>(191, 4 * k_gb + 123),
      std::vector<std::uint64_t>(3000, 20'000),
      {10'000'000, 20'000'000, 3, 17'000'000, 16'777'216, 16'777'217, 90'000'000},
  };
  for (const auto& sizes : models) {
    const auto manifest = manifest_of(sizes);
    for (const std::size_t count : {1U, 2U, 3U, 4U, 7U, 64U}) {
      INFO(sizes.size() << " files, " << count << " shards");
      check_partition(manifest, shards_of(manifest, count));
    }
  }
}

TEST_CASE("Shards are of one size, and only few files are shared") {
  const auto largest = [](const std::vector<Shard>& shards) {
    std::uint64_t bytes = 0;
    for (const Shard& shard : shards) {
      bytes = std::max(bytes, shard.total_bytes());
    }
    return bytes;
  };
  SECTION("a file larger than all others is shared by all") {
    const auto manifest = manifest_of({400 * k_gb, k_gb, k_gb});
    const auto shards = shards_of(manifest, 4);
    CHECK(largest(shards) <= manifest.total_bytes() / 4 * 17 / 16);
    CHECK(portions_in(shards) == 4);
  }
  SECTION("many files of one size are not") {
    const auto manifest = manifest_of(std::vector<std::uint64_t>(191, 4 * k_gb));
    const auto shards = shards_of(manifest, 4);
    CHECK(largest(shards) <= manifest.total_bytes() / 4 * 17 / 16);
    CHECK(portions_in(shards) == 0);
  }
  SECTION("three files for two") {
    const auto manifest = manifest_of({5 * k_gb, 5 * k_gb, 5 * k_gb});
    const auto shards = shards_of(manifest, 2);
    CHECK(largest(shards) <= manifest.total_bytes() / 2 * 17 / 16);
    CHECK(portions_in(shards) == 2);
  }
}

TEST_CASE("All pods reckon the same, whatever the order of the listing") {
  auto manifest = manifest_of({5 * k_gb, 3 * k_gb, 900'000'000, 0, 12});
  const auto before = shards_of(manifest, 3);
  std::reverse(manifest.artifacts.begin(), manifest.artifacts.end());
  const auto after = shards_of(manifest, 3);
  for (std::size_t index = 0; index < 3; ++index) {
    CHECK(before[index].portions == after[index].portions);
    REQUIRE(before[index].manifest.artifacts.size() == after[index].manifest.artifacts.size());
    for (std::size_t i = 0; i < before[index].manifest.artifacts.size(); ++i) {
      CHECK(before[index].manifest.artifacts[i].path == after[index].manifest.artifacts[i].path);
    }
  }
}
