// SPDX-License-Identifier: Apache-2.0

// For the units that compile XXH3: its functions, as the unit's compiler options make them. Nothing
// may be included here whose inline functions other units share.
#pragma once

#define XXH_INLINE_ALL
#include "xxh3.hpp"

#include <xxhash.h>

namespace nai::digest {

static_assert(sizeof(XXH3_state_t) <= k_xxh3_state_bytes);

static std::uint64_t xxh3_hash(const void* data, std::size_t size) {
  return XXH3_64bits(data, size);
}
static void xxh3_reset(void* state) { XXH3_64bits_reset(static_cast<XXH3_state_t*>(state)); }
static void xxh3_update(void* state, const void* data, std::size_t size) {
  XXH3_64bits_update(static_cast<XXH3_state_t*>(state), data, size);
}
static std::uint64_t xxh3_value(const void* state) {
  return XXH3_64bits_digest(static_cast<const XXH3_state_t*>(state));
}

static constexpr Xxh3 k_compiled_xxh3{xxh3_hash, xxh3_reset, xxh3_update, xxh3_value};

}  // namespace nai::digest
