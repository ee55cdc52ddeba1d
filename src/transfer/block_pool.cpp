// SPDX-License-Identifier: Apache-2.0
#include "block_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

namespace nai::transfer {

namespace {

// Memory is taken in pieces of a huge page, which the kernel pins for a direct write in one go
// instead of one small page after the other. Where it has none to give, small pages do. Also more
// than what direct writes need.
constexpr std::size_t k_huge_page_bytes = std::size_t{2} << 20U;
constexpr std::align_val_t k_memory_alignment{k_huge_page_bytes};

}  // namespace

void BlockPool::Free::operator()(std::byte* memory) const {
  ::operator delete(memory, k_memory_alignment);
}

BlockPool::Block::Block(Block&& other) noexcept
    : m_pool(std::exchange(other.m_pool, nullptr)), m_bytes(std::exchange(other.m_bytes, {})) {}

BlockPool::Block& BlockPool::Block::operator=(Block&& other) noexcept {
  std::swap(m_pool, other.m_pool);
  std::swap(m_bytes, other.m_bytes);
  return *this;
}

void BlockPool::Block::reset() {
  if (m_pool != nullptr) {
    std::exchange(m_pool, nullptr)->give_back(std::exchange(m_bytes, {}).data());
  }
}

BlockPool::BlockPool(std::size_t block_bytes, std::size_t spare_limit)
    : m_block_bytes(block_bytes), m_spare_limit(spare_limit) {}

BlockPool::Block BlockPool::take() {
  const std::scoped_lock lock(m_mutex);
  return take_locked();
}

BlockPool::Block BlockPool::try_take() {
  const std::scoped_lock lock(m_mutex);
  return m_in_use < m_spare_limit ? take_locked() : Block();
}

bool BlockPool::is_scarce() const {
  const std::scoped_lock lock(m_mutex);
  return m_in_use > m_spare_limit / 2;
}

void BlockPool::add_memory() {
  const std::size_t count = std::max<std::size_t>(k_huge_page_bytes / m_block_bytes, 1);
  const std::size_t bytes = count * m_block_bytes;
  m_memory.emplace_back(static_cast<std::byte*>(::operator new(bytes, k_memory_alignment)));
  std::byte* memory = m_memory.back().get();
  // Blocks of many connections are mostly handed over before they are full, and what is not filled
  // shall take no memory.
  if ((m_memory.size() - 1) * count < m_spare_limit) {
    static_cast<void>(::madvise(memory, bytes, MADV_HUGEPAGE));
  }
  for (std::size_t i = count; i > 0; --i) {
    m_idle.push_back(memory + (i - 1) * m_block_bytes);
  }
}

BlockPool::Block BlockPool::take_locked() {
  if (m_idle.empty()) {
    add_memory();
  }
  ++m_in_use;
  std::byte* memory = m_idle.back();
  m_idle.pop_back();
  return {*this, {memory, m_block_bytes}};
}

void BlockPool::give_back(std::byte* memory) {
  const std::scoped_lock lock(m_mutex);
  --m_in_use;
  m_idle.push_back(memory);
}

}  // namespace nai::transfer
