// SPDX-License-Identifier: Apache-2.0
#include "block_writer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace nai::transfer {

namespace {

// A block is handed over at this age, unless it is so small that writing it would cost more than
// fetching it again.
constexpr std::chrono::milliseconds k_max_block_age{20};
constexpr std::size_t k_min_block_bytes = std::size_t{64} << 10U;

}  // namespace

BlockWriter::BlockWriter(Target target, std::span<std::byte> buffer, Progress& progress,
                         const std::stop_token& stop)
    : m_target(std::move(target)), m_buffer(buffer), m_progress(progress), m_stop(stop) {}

// What fits until the block is full: to the next multiple of the block size in the file.
std::size_t BlockWriter::room() const {
  const std::uint64_t begin = m_target.range.offset + m_written;
  const std::uint64_t block_end = (begin / m_buffer.size() + 1) * m_buffer.size();
  return static_cast<std::size_t>(block_end - begin) - m_filled;
}

bool BlockWriter::write(std::span<const std::byte> data) {
  m_progress.bytes_received += data.size();
  const auto now = std::chrono::steady_clock::now();
  while (!data.empty()) {
    m_block_begun = m_filled == 0 ? now : m_block_begun;
    const std::size_t take = std::min(room(), data.size());
    std::memcpy(m_buffer.data() + m_filled, data.data(), take);
    m_filled += take;
    data = data.subspan(take);
    if (room() == 0) {
      flush();
    }
  }
  if (m_filled >= k_min_block_bytes && now - m_block_begun >= k_max_block_age) {
    flush();
  }
  return !m_stop.stop_requested();
}

void BlockWriter::flush() {
  if (m_filled == 0) {
    return;
  }
  const std::size_t filled = std::exchange(m_filled, 0);
  const auto next =
      m_target.file.take_block(m_buffer.first(filled), m_target.range.offset + m_written);
  m_written += filled;
  m_target.on_block(filled, next);
}

}  // namespace nai::transfer
