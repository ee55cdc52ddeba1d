// SPDX-License-Identifier: Apache-2.0
#include <nai/util/byte_range.hpp>

#include <algorithm>

namespace nai::util {

namespace {

// The first range that ends at or behind `offset`.
auto first_touching(std::vector<ByteRange>& ranges, std::uint64_t offset) {
  return std::lower_bound(
      ranges.begin(), ranges.end(), offset,
      [](const ByteRange& range, std::uint64_t at) { return range.end() < at; });
}

}  // namespace

void RangeSet::add(ByteRange range) {
  if (range.empty()) {
    return;
  }
  const auto first = first_touching(m_ranges, range.offset);
  auto last = first;
  std::uint64_t begin = range.offset;
  std::uint64_t end = range.end();
  for (; last != m_ranges.end() && last->offset <= end; ++last) {
    begin = std::min(begin, last->offset);
    end = std::max(end, last->end());
  }
  const auto at = m_ranges.erase(first, last);
  m_ranges.insert(at, {begin, end - begin});
}

bool RangeSet::contains(ByteRange range) const {
  return range.empty() || contiguous_end(range.offset) >= range.end();
}

std::uint64_t RangeSet::total_bytes() const {
  std::uint64_t total = 0;
  for (const ByteRange& range : m_ranges) {
    total += range.length;
  }
  return total;
}

std::uint64_t RangeSet::contiguous_end(std::uint64_t offset) const {
  const auto behind =
      std::upper_bound(m_ranges.begin(), m_ranges.end(), offset,
                       [](std::uint64_t at, const ByteRange& range) { return at < range.offset; });
  if (behind == m_ranges.begin()) {
    return offset;
  }
  return std::max(offset, std::prev(behind)->end());
}

RangeSet RangeSet::within(ByteRange range) const {
  RangeSet result;
  std::uint64_t at = range.offset;
  for (const ByteRange& gap : missing(range)) {
    result.add({at, gap.offset - at});
    at = gap.end();
  }
  result.add({at, range.end() - at});
  return result;
}

std::vector<ByteRange> RangeSet::missing(ByteRange within) const {
  std::vector<ByteRange> gaps;
  std::uint64_t at = within.offset;
  for (const ByteRange& range : m_ranges) {
    if (range.offset >= within.end()) {
      break;
    }
    if (range.offset > at) {
      gaps.push_back({at, range.offset - at});
    }
    at = std::max(at, range.end());
  }
  if (at < within.end()) {
    gaps.push_back({at, within.end() - at});
  }
  return gaps;
}

}  // namespace nai::util
