// SPDX-License-Identifier: Apache-2.0
#include "read_ahead.hpp"

#include <algorithm>
#include <utility>

namespace nai::transfer {

ReadAhead::ReadAhead() {
  for (std::size_t i = 0; i < k_blocks; ++i) {
    m_free.push_back(m_memory.take());
  }
  m_thread = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void ReadAhead::start(std::shared_ptr<const DiskFile> file, util::ByteRange range) {
  std::unique_lock lock(m_mutex);
  m_left = {};
  m_changed.wait(lock, [this] { return !m_reading; });
  for (Block& block : m_filled) {
    m_free.push_back(std::move(block.memory));
  }
  m_filled.clear();
  m_rest = {};
  m_error = nullptr;
  m_file = std::move(file);
  m_left = range;
  m_changed.notify_all();
}

std::span<const std::byte> ReadAhead::next(std::uint64_t most) {
  if (m_rest.empty()) {
    std::unique_lock lock(m_mutex);
    if (m_taken.memory) {
      m_free.push_back(std::move(m_taken.memory));
      m_changed.notify_all();
    }
    m_changed.wait(
        lock, [this] { return !m_filled.empty() || (!m_reading && (m_left.empty() || m_error)); });
    if (!m_filled.empty()) {
      m_taken = std::move(m_filled.front());
      m_filled.pop_front();
      m_rest = m_taken.data;
    } else if (m_error) {
      std::rethrow_exception(m_error);
    }
  }
  const auto piece = m_rest.first(std::min<std::uint64_t>(most, m_rest.size()));
  m_rest = m_rest.subspan(piece.size());
  return piece;
}

void ReadAhead::run(const std::stop_token& stop) {
  std::unique_lock lock(m_mutex);
  while (m_changed.wait(lock, stop, [this] {
    return !m_left.empty() && !m_free.empty() && !m_error;
  }) && !stop.stop_requested()) {
    read_block(lock);
    m_changed.notify_all();
  }
}

void ReadAhead::read_block(std::unique_lock<std::mutex>& lock) {
  Block block{.memory = std::move(m_free.back()), .data = {}};
  m_free.pop_back();
  const util::ByteRange range = m_left;
  const auto file = m_file;
  m_reading = true;
  lock.unlock();
  std::exception_ptr error;
  try {
    block.data = file->read(block.memory.bytes(), range);
  } catch (...) {
    error = std::current_exception();
  }
  lock.lock();
  m_reading = false;
  m_error = error;
  // start() may want something else meanwhile, and drops this.
  if (!m_left.empty()) {
    m_left = {range.offset + block.data.size(), range.length - block.data.size()};
  }
  if (block.data.empty()) {
    m_free.push_back(std::move(block.memory));
    m_left = error ? m_left : util::ByteRange{};
  } else {
    m_filled.push_back(std::move(block));
  }
}

}  // namespace nai::transfer
