// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include <nai/util/byte_range.hpp>

#include "block_pool.hpp"
#include "disk_file.hpp"

namespace nai::transfer {

// Reads a file on a thread of its own, some blocks ahead of the one thread that takes its content:
// direct reads have nobody else who does.
class ReadAhead {
 public:
  static constexpr std::size_t k_block_bytes = std::size_t{1} << 20U;
  static constexpr std::size_t k_blocks = 3;

  ReadAhead();

  // From here on next() gives this part of the file. What was not taken of another one is dropped.
  void start(std::shared_ptr<const DiskFile> file, util::ByteRange range);
  // The next bytes, at most `most` of them, which stay until the call after this one; none at the
  // end of the range or the file. Blocks. Throws Error{storage}, again and again.
  [[nodiscard]] std::span<const std::byte> next(std::uint64_t most);

 private:
  struct Block {
    BlockPool::Block memory;
    std::span<const std::byte> data;
  };

  void run(const std::stop_token& stop);
  void read_block(std::unique_lock<std::mutex>& lock);

  BlockPool m_memory{k_block_bytes, k_blocks};
  std::mutex m_mutex;  // guards what follows, but for m_rest
  std::condition_variable_any m_changed;
  std::vector<BlockPool::Block> m_free;
  std::deque<Block> m_filled;
  Block m_taken;
  std::span<const std::byte> m_rest;  // of what was taken
  std::shared_ptr<const DiskFile> m_file;
  util::ByteRange m_left{};  // not asked for yet
  bool m_reading = false;
  std::exception_ptr m_error;
  std::jthread m_thread;  // last: it uses all of the above
};

}  // namespace nai::transfer
