// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>

#include <nai/digest/block_checksum.hpp>
#include <nai/source/source.hpp>
#include <nai/transfer/progress.hpp>
#include <nai/util/byte_range.hpp>

#include "file_transfer.hpp"

namespace nai::transfer {

// Collects the bytes of one lease into blocks that end at multiples of the pool's block size, and
// hands each to the file. A block that is handed over early, because its connection is slow, ends
// at a multiple of what direct writes need.
class BlockWriter final : public source::RangeSink {
 public:
  struct Target {
    FileTransfer& file;
    util::ByteRange range;
    // Called before each block with the offset of its end; returns how far it may be written. Less
    // than asked: the rest of the range belongs to somebody else now.
    std::function<std::uint64_t(std::uint64_t end)> claim;
    // Called with the size of each piece of data; waits where there is a rate limit.
    std::function<void(std::size_t bytes)> pace;
    // Called after each block with its size and what take_block() said.
    std::function<void(std::size_t bytes, FileTransfer::Next next)> on_block;
  };

  BlockWriter(Target target, BlockPool::Block& block, Progress& progress,
              const std::stop_token& stop);

  bool write(std::span<const std::byte> data) override;
  // Hands over what is left. Call it when the request has ended, however it ended.
  void finish();
  // Bytes handed to the file.
  [[nodiscard]] std::uint64_t written_bytes() const { return m_written; }
  // When the first byte came; empty when none did.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> first_byte() const {
    return m_first_byte;
  }

 private:
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] std::size_t aligned_bytes() const;
  [[nodiscard]] bool is_slow(std::chrono::steady_clock::time_point now) const;
  void copy(std::span<std::byte> to, std::span<const std::byte> from) const;
  void hand_over(std::size_t length);

  Target m_target;
  BlockPool::Block& m_block;
  Progress& m_progress;
  const std::stop_token& m_stop;
  std::size_t m_filled = 0;
  digest::BlockChecksum m_checksum;  // of what is filled
  bool m_cut = false;
  std::chrono::steady_clock::time_point m_block_begun{};
  std::optional<std::chrono::steady_clock::time_point> m_first_byte;
  std::uint64_t m_written = 0;
};

}  // namespace nai::transfer
