// SPDX-License-Identifier: Apache-2.0

// Compiled with AVX2, so nothing may be included here whose inline functions other units share.
#define XXH_INLINE_ALL
#include "xxh3.hpp"

#include <xxhash.h>

namespace nai::digest {

std::uint64_t xxh3_avx2(const void* data, std::size_t size) { return XXH3_64bits(data, size); }

}  // namespace nai::digest
