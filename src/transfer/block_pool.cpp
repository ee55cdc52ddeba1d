// SPDX-License-Identifier: Apache-2.0
#include "block_pool.hpp"

#include <new>
#include <utility>

namespace nai::transfer {

namespace {

// What direct writes need at most.
constexpr std::align_val_t k_memory_alignment{4096};

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

BlockPool::Block BlockPool::take_locked() {
  if (m_idle.empty()) {
    m_memory.emplace_back(
        static_cast<std::byte*>(::operator new(m_block_bytes, k_memory_alignment)));
    m_idle.push_back(m_memory.back().get());
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
