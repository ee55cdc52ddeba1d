// SPDX-License-Identifier: Apache-2.0
#include "digest/sha256_pair.hpp"

#ifdef __x86_64__

#include <cpuid.h>
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <utility>

#include "digest/prefetch.hpp"

namespace nai::digest {

namespace {

#define NAI_WITH_SHA __attribute__((target("sha,sse4.1")))
#define NAI_PART_OF_ROUND NAI_WITH_SHA __attribute__((always_inline)) inline

constexpr std::size_t k_sha256_block_bytes = 64;

// FIPS 180-4, 4.2.2.
alignas(16) constexpr std::array<std::uint32_t, 64> k_constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// The eight words a to h as the instructions want them.
struct State {
  __m128i abef;
  __m128i cdgh;
};

struct Lane {
  State state;
  __m128i schedule[4];  // the last 16 words of it; those of round 4 * n are in [n % 4]
};

NAI_PART_OF_ROUND __m128i load(const void* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}

NAI_PART_OF_ROUND void store(void* to, __m128i value) {
  _mm_storeu_si128(static_cast<__m128i*>(to), value);
}

NAI_PART_OF_ROUND State load_state(std::span<const std::uint32_t, 8> words) {
  const __m128i cdab = _mm_shuffle_epi32(load(words.data()), 0xB1);
  const __m128i efgh = _mm_shuffle_epi32(load(words.data() + 4), 0x1B);
  return {_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xF0)};
}

NAI_PART_OF_ROUND void store_state(const State& state, std::span<std::uint32_t, 8> words) {
  const __m128i feba = _mm_shuffle_epi32(state.abef, 0x1B);
  const __m128i dchg = _mm_shuffle_epi32(state.cdgh, 0xB1);
  store(words.data(), _mm_blend_epi16(feba, dchg, 0xF0));
  store(words.data() + 4, _mm_alignr_epi8(dchg, feba, 8));
}

NAI_PART_OF_ROUND __m128i big_endian_words(const std::byte* data) {
  return _mm_shuffle_epi8(load(data), _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

// Four rounds, and what they bring for the words of later ones.
template <std::size_t Step>
NAI_PART_OF_ROUND void four_rounds(Lane& lane, const std::byte* data) {
  __m128i& words = lane.schedule[Step % 4];
  if constexpr (Step < 4) {
    words = big_endian_words(data + 16 * Step);
  }
  const __m128i message = _mm_add_epi32(words, load(k_constants.data() + 4 * Step));
  lane.state.cdgh = _mm_sha256rnds2_epu32(lane.state.cdgh, lane.state.abef, message);
  if constexpr (Step >= 3 && Step < 15) {
    __m128i& next = lane.schedule[(Step + 1) % 4];
    next = _mm_add_epi32(next, _mm_alignr_epi8(words, lane.schedule[(Step + 3) % 4], 4));
    next = _mm_sha256msg2_epu32(next, words);
  }
  lane.state.abef =
      _mm_sha256rnds2_epu32(lane.state.abef, lane.state.cdgh, _mm_shuffle_epi32(message, 0x0E));
  if constexpr (Step >= 1 && Step < 13) {
    __m128i& previous = lane.schedule[(Step + 3) % 4];
    previous = _mm_sha256msg1_epu32(previous, words);
  }
}

template <std::size_t... Steps>
NAI_PART_OF_ROUND void all_rounds(Lane& first, const std::byte* first_data, Lane& second,
                                  const std::byte* second_data, std::index_sequence<Steps...>) {
  ((four_rounds<Steps>(first, first_data), four_rounds<Steps>(second, second_data)), ...);
}

NAI_PART_OF_ROUND State sum(const State& left, const State& right) {
  return {_mm_add_epi32(left.abef, right.abef), _mm_add_epi32(left.cdgh, right.cdgh)};
}

bool ask_processor() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  const bool has_sha = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & bit_SHA) != 0;
  return has_sha && __builtin_cpu_supports("sse4.1") != 0;
}

}  // namespace

// Once: in a virtual machine the answer takes several microseconds.
bool has_sha256_pair() {
  static const bool has = ask_processor();
  return has;
}

NAI_WITH_SHA void sha256_pair(const Sha256Lane& first, const Sha256Lane& second,
                              std::size_t blocks) {
  Lane a{load_state(first.words), {}};
  Lane b{load_state(second.words), {}};
  const std::size_t last = (std::max<std::size_t>(blocks, 1) - 1) * k_sha256_block_bytes;
  for (std::size_t at = 0; at < blocks * k_sha256_block_bytes; at += k_sha256_block_bytes) {
    prefetch(first.data + std::min(at + k_prefetch_bytes, last));
    prefetch(second.data + std::min(at + k_prefetch_bytes, last));
    const State a_before = a.state;
    const State b_before = b.state;
    all_rounds(a, first.data + at, b, second.data + at, std::make_index_sequence<16>{});
    a.state = sum(a.state, a_before);
    b.state = sum(b.state, b_before);
  }
  store_state(a.state, first.words);
  store_state(b.state, second.words);
}

}  // namespace nai::digest

#else

namespace nai::digest {

bool has_sha256_pair() { return false; }
void sha256_pair(const Sha256Lane&, const Sha256Lane&, std::size_t) {}

}  // namespace nai::digest

#endif
