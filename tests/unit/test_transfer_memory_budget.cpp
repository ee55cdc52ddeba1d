// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <nai/transfer/download.hpp>

using nai::transfer::Options;
using nai::transfer::within_memory;

namespace {

constexpr std::uint64_t k_mib = std::uint64_t{1} << 20U;

}  // namespace

TEST_CASE("a memory limit bounds adaptive connections and the blocks kept in memory") {
  const Options plenty = within_memory({}, 1024 * k_mib);
  CHECK(plenty.max_connections == Options{}.max_connections);
  CHECK(plenty.memory_bytes == Options{}.memory_bytes);

  const Options small = within_memory({}, 128 * k_mib);
  CHECK(small.max_connections == 40);
  CHECK(small.memory_bytes == 16 * k_mib);

  const Options tiny = within_memory({}, 16 * k_mib);
  CHECK(tiny.max_connections == 4);
  CHECK(tiny.memory_bytes == 2 * k_mib);
}

TEST_CASE("a given number of connections is kept whatever the memory limit") {
  CHECK(within_memory({.connections = 60}, 64 * k_mib).connections == 60);
}
