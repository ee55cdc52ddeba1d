// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include <nai/source/manifest.hpp>
#include <nai/util/byte_range.hpp>

namespace nai::transfer {

// What is to be fetched of files that are not to be fetched whole, by path.
using Portions = std::map<std::string, util::ByteRange, std::less<>>;

// What one of several pods brings of a model.
struct Shard {
  source::Manifest manifest;  // the files that it touches, in the order of their paths
  Portions portions;          // of those that it shares with others

  [[nodiscard]] std::uint64_t total_bytes() const;
};

// Portions begin and end at multiples of this, or at the file's ends: no block, and no page of any
// machine's cache, belongs to two shards.
inline constexpr std::uint64_t k_portion_alignment = std::uint64_t{16} << 20U;

// The part of shard `index` of `count`. The files in the order of their paths are cut into `count`
// pieces of the same number of bytes; a cut that falls near the edge of a file moves there, so that
// only few files are shared, at most `count` - 1. Pure: all pods reckon the same from the same
// manifest. A shard may be empty.
[[nodiscard]] Shard shard_of(const source::Manifest& manifest, std::size_t index,
                             std::size_t count);

}  // namespace nai::transfer
