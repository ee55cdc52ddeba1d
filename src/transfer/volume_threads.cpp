// SPDX-License-Identifier: Apache-2.0
#include "verifier.hpp"

#include <utility>

namespace nai::transfer {

namespace {

constexpr std::size_t k_buffer_bytes = std::size_t{1} << 20U;

}  // namespace

Verifier::Verifier(std::size_t threads) : m_buffers(k_buffer_bytes, threads) {
  for (std::size_t i = 0; i < threads; ++i) {
    m_threads.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
}

Verifier::~Verifier() {
  for (std::jthread& thread : m_threads) {
    thread.request_stop();
  }
}

void Verifier::post(Work work) {
  {
    const std::scoped_lock lock(m_mutex);
    m_work.push_back(std::move(work));
  }
  m_posted.notify_one();
}

void Verifier::run(const std::stop_token& stop) {
  const BlockPool::Block buffer = m_buffers.take();
  while (true) {
    Work work;
    {
      std::unique_lock lock(m_mutex);
      if (!m_posted.wait(lock, stop, [this] { return !m_work.empty(); }) || stop.stop_requested()) {
        return;
      }
      work = std::move(m_work.front());
      m_work.pop_front();
    }
    work(buffer.bytes(), stop);
  }
}

}  // namespace nai::transfer
