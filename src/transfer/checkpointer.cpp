// SPDX-License-Identifier: Apache-2.0
#include "checkpointer.hpp"

#include <utility>

namespace nai::transfer {

Checkpointer::Checkpointer(Limits limits, std::function<void()> sync)
    : m_limits(limits),
      m_sync(std::move(sync)),
      m_thread([this](const std::stop_token& stop) { run(stop); }) {}

void Checkpointer::note_written(std::uint64_t bytes) {
  const std::uint64_t before = m_written.fetch_add(bytes);
  if (before < m_limits.bytes && before + bytes >= m_limits.bytes) {
    const std::scoped_lock lock(m_mutex);
    m_enough.notify_one();
  }
}

void Checkpointer::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(m_mutex);
      m_enough.wait_for(lock, stop, m_limits.interval,
                        [this] { return m_written >= m_limits.bytes; });
    }
    if (m_written.exchange(0) > 0 && !stop.stop_requested()) {
      m_sync();
    }
  }
}

}  // namespace nai::transfer
