// SPDX-License-Identifier: Apache-2.0
#include <nai/digest/hasher.hpp>

#include "xxh3.hpp"

namespace nai::digest {

std::uint64_t block_checksum(std::span<const std::byte> data) {
#ifdef __x86_64__
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) {
    return xxh3_avx2(data.data(), data.size());
  }
#endif
  return xxh3(data.data(), data.size());
}

}  // namespace nai::digest
