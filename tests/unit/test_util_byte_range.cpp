// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <random>
#include <vector>

#include <nai/util/byte_range.hpp>

using nai::util::ByteRange;
using nai::util::RangeSet;

TEST_CASE("ranges merge when they touch or overlap") {
  RangeSet set;
  set.add({10, 10});
  set.add({30, 10});
  set.add({20, 10});
  CHECK(set.ranges() == std::vector<ByteRange>{{10, 30}});
  set.add({0, 100});
  CHECK(set.ranges() == std::vector<ByteRange>{{0, 100}});
  set.add({50, 0});
  CHECK(set.total_bytes() == 100);
}

TEST_CASE("what is missing is the complement") {
  RangeSet set;
  CHECK(set.missing(0).empty());
  CHECK(set.missing(5) == std::vector<ByteRange>{{0, 5}});
  set.add({2, 3});
  set.add({8, 4});
  CHECK(set.missing(20) == std::vector<ByteRange>{{0, 2}, {5, 3}, {12, 8}});
  CHECK(set.missing(10) == std::vector<ByteRange>{{0, 2}, {5, 3}});
  CHECK(set.contiguous_end(2) == 5);
  CHECK(set.contiguous_end(3) == 5);
  CHECK(set.contiguous_end(5) == 5);
  CHECK(set.contiguous_end(0) == 0);
  CHECK(set.contains({2, 3}));
  CHECK_FALSE(set.contains({2, 4}));
  CHECK(set.contains({7, 0}));
}

TEST_CASE("a range set agrees with a bitmap") {
  std::mt19937 random(7);
  RangeSet set;
  std::vector<bool> model(200, false);
  for (int step = 0; step < 100; ++step) {
    const std::uint64_t offset = random() % 190;
    const std::uint64_t length = random() % 10;
    set.add({offset, length});
    for (std::uint64_t i = offset; i < offset + length; ++i) {
      model[i] = true;
    }
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < model.size(); ++i) {
      total += model[i] ? 1U : 0U;
      REQUIRE(set.contains({i, 1}) == model[i]);
    }
    REQUIRE(set.total_bytes() == total);
  }
}
