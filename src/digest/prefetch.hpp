// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace nai::digest {

// A line of the cache of every processor that this is built for.
inline constexpr std::size_t k_cache_line_bytes = 64;

// How far ahead of what is hashed memory is asked for. SHA-256 takes half a microsecond for it,
// which is longer than memory takes, and it is little beside the first-level cache.
inline constexpr std::size_t k_prefetch_bytes = 1024;

// Asks for memory that is read soon. Returns at once; only time changes by it.
inline void prefetch(const std::byte* line) { __builtin_prefetch(line); }
inline void prefetch(std::span<const std::byte> data) {
  for (std::size_t at = 0; at < data.size(); at += k_cache_line_bytes) {
    prefetch(data.data() + at);
  }
}

}  // namespace nai::digest
