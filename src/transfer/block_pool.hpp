// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace nai::transfer {

// Memory for blocks, aligned for direct writes and used again and again: fresh pages would cost as
// much as the copy into them. Thread-safe; outlives its blocks.
class BlockPool {
 public:
  // Memory of one block; goes back to the pool with its destructor.
  class Block {
   public:
    Block() = default;
    ~Block() { reset(); }
    Block(Block&& other) noexcept;
    Block& operator=(Block&& other) noexcept;
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    [[nodiscard]] std::span<std::byte> bytes() const { return m_bytes; }
    [[nodiscard]] explicit operator bool() const { return m_pool != nullptr; }
    void reset();

   private:
    friend class BlockPool;
    Block(BlockPool& pool, std::span<std::byte> bytes) : m_pool(&pool), m_bytes(bytes) {}

    BlockPool* m_pool = nullptr;
    std::span<std::byte> m_bytes;
  };

  // `spare_limit` is the number of blocks in use up to which try_take() gives one.
  BlockPool(std::size_t block_bytes, std::size_t spare_limit);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  [[nodiscard]] std::size_t block_bytes() const { return m_block_bytes; }
  // Always gives one; throws std::bad_alloc.
  [[nodiscard]] Block take();
  // An empty block when too many are in use.
  [[nodiscard]] Block try_take();
  // Whether more than half of those that try_take() gives are in use.
  [[nodiscard]] bool is_scarce() const;

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };

  void add_memory();
  [[nodiscard]] Block take_locked();
  void give_back(std::byte* memory);

  std::size_t m_block_bytes;
  std::size_t m_spare_limit;
  mutable std::mutex m_mutex;
  std::size_t m_in_use = 0;
  std::vector<std::unique_ptr<std::byte, Free>> m_memory;
  std::vector<std::byte*> m_idle;
};

}  // namespace nai::transfer
