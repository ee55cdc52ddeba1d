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

// Threads that read the volume: what could not be hashed while it was in memory, and files found in
// place.
class Verifier {
 public:
  // Gets a buffer to read into, and a token that says when to give up. Must not throw.
  using Work = std::function<void(std::span<std::byte> buffer, const std::stop_token& stop)>;

  explicit Verifier(std::size_t threads);
  ~Verifier();  // work not begun is dropped
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  void post(Work work);

 private:
  void run(const std::stop_token& stop);

  BlockPool m_buffers;
  std::mutex m_mutex;
  std::condition_variable_any m_posted;
  std::deque<Work> m_work;
  std::vector<std::jthread> m_threads;
};

}  // namespace nai::transfer
