// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "transfer/shortest_latency.hpp"

using nai::transfer::ShortestLatency;

TEST_CASE("the latency of a request is what the fastest took, not what a queue adds") {
  ShortestLatency latency;
  CHECK(latency.seconds() == 0);
  latency.note(0.020);
  CHECK(latency.seconds() == 0.020);
  latency.note(0.001);
  for (int request = 0; request < 1000; ++request) {
    latency.note(0.020);
  }
  CHECK(latency.seconds() < 0.002);
  for (int request = 0; request < 10'000; ++request) {
    latency.note(0.020);
  }
  CHECK(latency.seconds() == 0.020);
}
