// SPDX-License-Identifier: Apache-2.0
#define XXH_INLINE_ALL
#include "xxh3.hpp"

#include <xxhash.h>

namespace nai::digest {

std::uint64_t xxh3(const void* data, std::size_t size) { return XXH3_64bits(data, size); }

}  // namespace nai::digest
