// SPDX-License-Identifier: Apache-2.0
#include "block_writer.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "copy_past_cache.hpp"

namespace nai::transfer {

namespace {

// A block of a slow connection is handed over at this age, unless it is so small that writing it
// would cost more than fetching it again.
constexpr std::chrono::milliseconds k_max_block_age{20};
// A connection that takes this long for a block is slow. One that is faster and late now waits for
// a processor, and the next data may be here already.
constexpr std::chrono::milliseconds k_slow_block{40};
constexpr std::size_t k_min_block_bytes = std::size_t{64} << 10U;
// What a direct write must be a multiple of.
constexpr std::size_t k_write_alignment = 4096;

}  // namespace

BlockWriter::BlockWriter(Target target, BlockPool::Block& block, Progress& progress,
                         const std::stop_token& stop)
    : m_target(std::move(target)), m_block(block), m_progress(progress), m_stop(stop) {}

// What fits until the block is full: to the next multiple of the block size in the file.
std::size_t BlockWriter::room() const {
  const std::uint64_t begin = m_target.range.offset + m_written;
  const std::size_t size = m_block.bytes().size();
  return static_cast<std::size_t>((begin / size + 1) * size - begin) - m_filled;
}

// What there is up to the last multiple of the alignment in the file.
std::size_t BlockWriter::aligned_bytes() const {
  const std::uint64_t begin = m_target.range.offset + m_written;
  const std::uint64_t end = (begin + m_filled) / k_write_alignment * k_write_alignment;
  return static_cast<std::size_t>(std::max(end, begin) - begin);
}

// A direct write, and a checksum that comes later, read from main memory; a copy into the page
// cache is better made from the processor's.
void BlockWriter::copy(std::span<std::byte> to, std::span<const std::byte> from) const {
  if (m_target.file.is_direct()) {
    copy_past_cache(to, from);
  } else {
    std::memcpy(to.data(), from.data(), from.size());
  }
}

// By what came so far.
bool BlockWriter::is_slow(std::chrono::steady_clock::time_point now) const {
  const auto elapsed = std::chrono::duration<double>(now - *m_first_byte);
  const double blocks =
      static_cast<double>(m_written + m_filled) / static_cast<double>(m_block.bytes().size());
  return elapsed > blocks * std::chrono::duration<double>(k_slow_block);
}

bool BlockWriter::write(std::span<const std::byte> data) {
  m_progress.bytes_received += data.size();
  m_target.pace(data.size());
  const auto now = std::chrono::steady_clock::now();
  m_first_byte = m_first_byte.value_or(now);
  while (!data.empty() && !m_cut) {
    m_block_begun = m_filled == 0 ? now : m_block_begun;
    const std::size_t take = std::min(room(), data.size());
    copy(m_block.bytes().subspan(m_filled, take), data.first(take));
    m_checksum.update(data.first(take));
    m_filled += take;
    data = data.subspan(take);
    if (room() == 0) {
      hand_over(m_filled);
    }
  }
  if (m_filled >= k_min_block_bytes && now - m_block_begun >= k_max_block_age && is_slow(now)) {
    hand_over(aligned_bytes());
  }
  return !m_cut && !m_stop.stop_requested();
}

void BlockWriter::finish() {
  if (m_cut) {
    return;
  }
  const bool complete = m_written + m_filled == m_target.range.length;
  hand_over(complete ? m_filled : aligned_bytes());
}

void BlockWriter::hand_over(std::size_t length) {
  const std::uint64_t begin = m_target.range.offset + m_written;
  const std::uint64_t end = begin + length;
  const std::uint64_t allowed = length == 0 ? end : m_target.claim(end);
  m_cut = m_cut || allowed < end;
  length = static_cast<std::size_t>(allowed - begin);
  if (length == 0) {
    return;
  }
  const std::uint64_t checksum = length == m_filled
                                     ? m_checksum.value()
                                     : digest::block_checksum(m_block.bytes().first(length));
  // The file may keep the block.
  std::array<std::byte, k_write_alignment> kept{};
  const auto rest = std::span(kept).first(m_cut ? 0 : m_filled - length);
  std::memcpy(rest.data(), m_block.bytes().data() + length, rest.size());
  m_filled = rest.size();
  const auto next = m_target.file.take_block(m_block, length, begin, checksum);
  m_written += length;
  std::memcpy(m_block.bytes().data(), rest.data(), rest.size());
  m_checksum.reset();
  m_checksum.update(rest);
  m_target.on_block(length, next);
}

}  // namespace nai::transfer
