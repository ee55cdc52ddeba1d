// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "storage/write_gate.hpp"

using nai::storage::WriteGate;

TEST_CASE(
    "who waits for the writers inside does not hold up those who come later, nor wait for them") {
  WriteGate gate;
  std::optional<WriteGate::Pass> before(std::in_place, gate);
  std::atomic<bool> over{false};
  std::jthread waiter([&] {
    gate.wait_for_writers();
    over = true;
  });
  for (int writer = 0; writer < 100; ++writer) {
    const WriteGate::Pass later(gate);
    CHECK_FALSE(over);
  }
  before.reset();
  waiter.join();
  CHECK(over);
}

TEST_CASE("nobody is inside a gate that is closed") {
  WriteGate gate;
  std::atomic<int> inside{0};
  std::atomic<bool> enough{false};
  std::vector<std::jthread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&] {
      while (!enough) {
        const WriteGate::Pass pass(gate);
        ++inside;
        --inside;
      }
    });
  }
  for (int round = 0; round < 200; ++round) {
    {
      const WriteGate::Closure closed(gate);
      CHECK(inside == 0);
    }
    gate.wait_for_writers();
  }
  enough = true;
}
