// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace nai::transfer {

// Copies to memory that the processor will not look at again soon: it neither reads there what is
// written over nor keeps it in its cache in place of something else. Only time differs from
// memcpy(). `to` is as long as `from`.
inline void copy_past_cache(std::span<std::byte> to, std::span<const std::byte> from) {
#ifdef __SSE2__
  constexpr std::size_t k_line = 64;
  constexpr std::size_t k_step = sizeof(__m128i);
  const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(to.data()) % k_line;
  const std::size_t head = std::min((k_line - misaligned) % k_line, from.size());
  std::memcpy(to.data(), from.data(), head);
  std::size_t at = head;
  for (; at + k_line <= from.size(); at += k_line) {
    for (std::size_t step = 0; step < k_line; step += k_step) {
      const auto* source = reinterpret_cast<const __m128i*>(from.data() + at + step);
      _mm_stream_si128(reinterpret_cast<__m128i*>(to.data() + at + step), _mm_loadu_si128(source));
    }
  }
  _mm_sfence();  // or another thread might see what is written afterwards first
  std::memcpy(to.data() + at, from.data() + at, from.size() - at);
#else
  std::memcpy(to.data(), from.data(), from.size());
#endif
}

}  // namespace nai::transfer
