// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace nai::digest {

// XXH3 (64 bit), compiled once for every processor of the architecture and, on x86-64, once more
// for those with AVX2, which do it in half the time. All give the same value.
std::uint64_t xxh3(const void* data, std::size_t size);
std::uint64_t xxh3_avx2(const void* data, std::size_t size);

}  // namespace nai::digest
