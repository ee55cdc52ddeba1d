// SPDX-License-Identifier: Apache-2.0
#include <nai/digest/block_checksum.hpp>

#include "xxh3.hpp"

namespace nai::digest {

namespace {

const Xxh3& xxh3() {
#ifdef __x86_64__
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) {
    return k_xxh3_avx2;
  }
#endif
  return k_xxh3;
}

}  // namespace

std::uint64_t block_checksum(std::span<const std::byte> data) {
  return xxh3().hash(data.data(), data.size());
}

void BlockChecksum::reset() {
  static_assert(k_state_bytes >= k_xxh3_state_bytes);
  xxh3().reset(m_state.data());
}

void BlockChecksum::update(std::span<const std::byte> data) {
  xxh3().update(m_state.data(), data.data(), data.size());
}

std::uint64_t BlockChecksum::value() const { return xxh3().value(m_state.data()); }

}  // namespace nai::digest
