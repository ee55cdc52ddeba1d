// SPDX-License-Identifier: Apache-2.0
#include "volume_threads.hpp"

#include <utility>

namespace nai::transfer {

namespace {

constexpr std::size_t k_buffer_bytes = std::size_t{1} << 20U;

}  // namespace

VolumeThreads::VolumeThreads(std::size_t threads) : m_buffers(k_buffer_bytes, threads) {
  for (std::size_t i = 0; i < threads; ++i) {
    m_threads.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
}

VolumeThreads::~VolumeThreads() {
  for (std::jthread& thread : m_threads) {
    thread.request_stop();
  }
}

void VolumeThreads::post(Work work) {
  {
    const std::scoped_lock lock(m_mutex);
    m_work.push_back(std::move(work));
  }
  m_posted.notify_one();
}

bool VolumeThreads::try_post(Work work, std::size_t most_waiting) {
  {
    const std::scoped_lock lock(m_mutex);
    if (m_work.size() >= most_waiting) {
      return false;
    }
    m_work.push_back(std::move(work));
  }
  m_posted.notify_one();
  return true;
}

void VolumeThreads::run(const std::stop_token& stop) {
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
