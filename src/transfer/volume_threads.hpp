// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "block_pool.hpp"

namespace nai::transfer {

// Threads for what waits for the volume: reading back, and making durable.
class VolumeThreads {
 public:
  // Gets a buffer to read into, and a token that says when to give up. Must not throw.
  using Work = std::function<void(std::span<std::byte> buffer, const std::stop_token& stop)>;

  explicit VolumeThreads(std::size_t threads);
  ~VolumeThreads();  // work not begun is dropped
  VolumeThreads(const VolumeThreads&) = delete;
  VolumeThreads& operator=(const VolumeThreads&) = delete;

  void post(Work work);
  // False, and nothing is posted, when as many as `most_waiting` wait already.
  [[nodiscard]] bool try_post(Work work, std::size_t most_waiting);

 private:
  void run(const std::stop_token& stop);

  BlockPool m_buffers;
  std::mutex m_mutex;
  std::condition_variable_any m_posted;
  std::deque<Work> m_work;
  std::vector<std::jthread> m_threads;
};

}  // namespace nai::transfer
