// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace nai::util {

// A half-open range of bytes in a file.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  [[nodiscard]] std::uint64_t end() const { return offset + length; }
  [[nodiscard]] bool empty() const { return length == 0; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// A set of bytes, kept as sorted, disjoint, non-adjacent ranges. Not thread-safe.
class RangeSet {
 public:
  void add(ByteRange range);

  [[nodiscard]] bool contains(ByteRange range) const;
  // Number of bytes in the set.
  [[nodiscard]] std::uint64_t total_bytes() const;
  // What of `range` is in the set.
  [[nodiscard]] RangeSet within(ByteRange range) const;
  // The end of the contiguous run that starts at or covers `offset`; `offset` itself if the byte
  // there is not in the set.
  [[nodiscard]] std::uint64_t contiguous_end(std::uint64_t offset) const;
  // What is missing of `within`.
  [[nodiscard]] std::vector<ByteRange> missing(ByteRange within) const;
  // What is missing below `size`.
  [[nodiscard]] std::vector<ByteRange> missing(std::uint64_t size) const {
    return missing(ByteRange{0, size});
  }
  [[nodiscard]] const std::vector<ByteRange>& ranges() const { return m_ranges; }

  friend bool operator==(const RangeSet&, const RangeSet&) = default;

 private:
  std::vector<ByteRange> m_ranges;
};

}  // namespace nai::util
