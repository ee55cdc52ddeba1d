// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nai::digest {

// One of two running SHA-256: its chaining words, and whole blocks of 64 bytes that come next.
struct Sha256Lane {
  std::span<std::uint32_t, 8> words;
  const std::byte* data = nullptr;
};

// Whether the processor has what sha256_pair() is made of.
[[nodiscard]] bool has_sha256_pair();

// Takes `blocks` blocks of each lane, a few rounds of one and of the other in turn. A round waits
// for the one before it; what a processor can do meanwhile it does for the other lane. OpenSSL has
// this too (its multi-block functions), but hands it out for TLS only. Only where
// has_sha256_pair().
void sha256_pair(const Sha256Lane& first, const Sha256Lane& second, std::size_t blocks);

}  // namespace nai::digest
