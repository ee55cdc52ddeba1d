// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>

#include <nai/source/source.hpp>
#include <nai/transfer/progress.hpp>
#include <nai/util/byte_range.hpp>

#include "file_transfer.hpp"

namespace nai::transfer {

// Collects the bytes of one lease into blocks that end at multiples of the buffer's size, and hands
// each to the file.
class BlockWriter final : public source::RangeSink {
 public:
  struct Target {
    FileTransfer& file;
    util::ByteRange range;
    // Called after each block with its size and what take_block() said.
    std::function<void(std::size_t bytes, FileTransfer::Next next)> on_block;
  };

  BlockWriter(Target target, std::span<std::byte> buffer, Progress& progress,
              const std::stop_token& stop);

  bool write(std::span<const std::byte> data) override;
  // Hands over a block that is not full. Call it when the request has ended, however it ended.
  void flush();
  // Bytes handed to the file.
  [[nodiscard]] std::uint64_t written_bytes() const { return m_written; }

 private:
  [[nodiscard]] std::size_t room() const;

  Target m_target;
  std::span<std::byte> m_buffer;
  Progress& m_progress;
  const std::stop_token& m_stop;
  std::size_t m_filled = 0;
  std::chrono::steady_clock::time_point m_block_begun{};
  std::uint64_t m_written = 0;
};

}  // namespace nai::transfer
