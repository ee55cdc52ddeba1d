// SPDX-License-Identifier: Apache-2.0
#include "paired_hashing.hpp"

#include <unistd.h>

#include <chrono>
#include <utility>

namespace nai::transfer {

namespace {

// In this time others bring a block where connections are fast enough for the checksum to matter.
constexpr std::chrono::milliseconds k_wait_for_second{5};
// A block can wait for its checksum, but a server or a network cannot wait long for who receives:
// threads that do go first. Linux counts niceness by thread.
constexpr int k_niceness = 4;

}  // namespace

PairedHashing::PairedHashing(std::size_t threads, Hash hash) : m_hash(std::move(hash)) {
  for (std::size_t i = 0; i < threads; ++i) {
    m_threads.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
}

void PairedHashing::add(File file) {
  {
    const std::scoped_lock lock(m_mutex);
    m_ready.push_back(std::move(file));
  }
  m_added.notify_one();
}

bool PairedHashing::any_ready() const {
  const std::scoped_lock lock(m_mutex);
  return !m_ready.empty();
}

void PairedHashing::stop() {
  for (std::jthread& thread : m_threads) {
    thread.request_stop();
  }
  m_threads.clear();
}

std::optional<PairedHashing::File> PairedHashing::take() {
  if (m_ready.empty()) {
    return std::nullopt;
  }
  std::optional<File> file = std::move(m_ready.front());
  m_ready.pop_front();
  return file;
}

void PairedHashing::run(const std::stop_token& stop) {
  [[maybe_unused]] const int niceness = nice(k_niceness);
  while (true) {
    std::unique_lock lock(m_mutex);
    if (!m_added.wait(lock, stop, [this] { return !m_ready.empty(); }) || stop.stop_requested()) {
      return;
    }
    m_added.wait_for(lock, stop, k_wait_for_second, [this] { return m_ready.size() != 1; });
    // Another thread may have been faster.
    const std::optional<File> first = take();
    const std::optional<File> second = take();
    lock.unlock();
    if (first) {
      m_hash(*first, second);
    }
  }
}

}  // namespace nai::transfer
