// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nai::digest {

// A fast checksum (XXH3, 64 bit) that tells a block that reached the disk from one that did not. It
// is no proof against an attacker; that is what the digests are for.
[[nodiscard]] std::uint64_t block_checksum(std::span<const std::byte> data);

// The same for a block that comes in pieces, each of which is looked at while it is in the
// processor's cache: the full block is in main memory.
class BlockChecksum {
 public:
  BlockChecksum() { reset(); }

  void update(std::span<const std::byte> data);
  // Of all since the last reset().
  [[nodiscard]] std::uint64_t value() const;
  void reset();

 private:
  static constexpr std::size_t k_state_bytes = 576;
  alignas(64) std::array<std::byte, k_state_bytes> m_state{};
};

}  // namespace nai::digest
