// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "transfer/copy_past_cache.hpp"

TEST_CASE("a copy past the cache copies all bytes, and no others, at any place") {
  constexpr std::size_t k_size = 400;
  constexpr std::byte k_untouched{0xEE};
  std::vector<std::byte> from(k_size);
  for (std::size_t i = 0; i < k_size; ++i) {
    from[i] = static_cast<std::byte>(i % 251);
  }
  for (std::size_t offset = 0; offset < 70; ++offset) {
    for (const std::size_t size : {0U, 1U, 63U, 64U, 65U, 128U, 200U, 320U}) {
      INFO(offset << " " << size);
      std::vector<std::byte> to(k_size, k_untouched);
      const auto source = std::span(from).subspan(offset / 3, size);
      nai::transfer::copy_past_cache(std::span(to).subspan(offset, size), source);
      std::vector<std::byte> expected(k_size, k_untouched);
      std::copy(source.begin(), source.end(), expected.begin() + static_cast<long>(offset));
      REQUIRE(to == expected);
    }
  }
}
