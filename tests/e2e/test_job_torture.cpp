// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include "torture/trials.hpp"

// One case for many runs, because each of them is short and most of it is waiting.

namespace {

using namespace nai::torture;

void all_are_good(const Trials& trials) {
  constexpr std::size_t k_threads = 4;
  Table table;
  run_trials(trials, k_threads, table);
  INFO(table.complaints());
  WARN(table.text());
  CHECK(table.tries() == trials.size());
  CHECK(table.good());
}

}  // namespace

TEST_CASE("whatever goes wrong on the wire, the right bytes come or a clear error does") {
  all_are_good(wire_trials());
}

TEST_CASE("whoever else is on the volume, no wrong byte is published") {
  all_are_good(pair_trials());
}
