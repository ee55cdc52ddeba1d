// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace nai::digest {

// What the state of a checksum takes at most.
inline constexpr std::size_t k_xxh3_state_bytes = 576;

// XXH3 (64 bit), compiled once for every processor of the architecture and, on x86-64, once more
// for those with AVX2, which do it in half the time. All give the same value.
struct Xxh3 {
  std::uint64_t (*hash)(const void* data, std::size_t size);
  // The same piece by piece, in `state`: memory of the caller's, aligned to 64 bytes.
  void (*reset)(void* state);
  void (*update)(void* state, const void* data, std::size_t size);
  std::uint64_t (*value)(const void* state);
};

extern const Xxh3 k_xxh3;
extern const Xxh3 k_xxh3_avx2;

}  // namespace nai::digest
