// SPDX-License-Identifier: Apache-2.0
#include "scheduler.hpp"

#include <algorithm>
#include <utility>

namespace nai::transfer {

Scheduler::Scheduler(ChunkQueueOptions options, http::RetryPolicy retry, std::size_t files,
                     util::Clock& clock)
    : m_retry(retry),
      m_clock(clock),
      m_queue(options),
      m_files_left(files),
      m_random(std::random_device{}()) {}

void Scheduler::add(std::size_t file, std::uint64_t size,
                    const std::vector<util::ByteRange>& missing) {
  const std::scoped_lock lock(m_mutex);
  m_queue.add(file, size, missing);
  changed();
}

std::optional<Lease> Scheduler::next() {
  const std::stop_token stop = m_stop.get_token();
  std::unique_lock lock(m_mutex);
  while (!stop.stop_requested() && m_files_left > 0) {
    const auto now = m_clock.steady_now();
    if (auto lease = m_queue.next(now)) {
      return lease;
    }
    const auto changed = [this, seen = m_changes] { return m_changes != seen; };
    if (const auto ready = m_queue.next_ready()) {
      m_changed.wait_for(lock, stop, *ready - now, changed);
    } else {
      m_changed.wait(lock, stop, changed);
    }
  }
  return std::nullopt;
}

std::optional<Scheduler::Wait> Scheduler::give_back(const Lease& lease, std::uint64_t done_bytes,
                                                    const source::FetchResult& result) {
  std::optional<Wait> wait;
  const std::scoped_lock lock(m_mutex);
  if (done_bytes < lease.range.length) {
    wait.emplace();
    wait->failures = ChunkQueue::failures_after(lease, done_bytes);
    if (wait->failures > 0 || result.server_wish) {
      wait->delay = http::retry_delay(m_retry, std::max(wait->failures, 1), result.verdict,
                                      result.server_wish, m_random);
    }
  }
  const auto delay = wait ? wait->delay : std::chrono::milliseconds{0};
  m_queue.give_back(lease, done_bytes, m_clock.steady_now() + delay);
  changed();
  return wait;
}

void Scheduler::file_done() {
  const std::scoped_lock lock(m_mutex);
  --m_files_left;
  changed();
}

void Scheduler::fail(std::exception_ptr error) {
  {
    const std::scoped_lock lock(m_mutex);
    if (!m_error) {
      m_error = std::move(error);
    }
  }
  request_stop();
}

void Scheduler::request_stop() { m_stop.request_stop(); }

void Scheduler::wait() {
  std::unique_lock lock(m_mutex);
  m_changed.wait(lock, m_stop.get_token(), [this] { return m_files_left == 0; });
}

// Wakes everybody who waits; the lock is held.
void Scheduler::changed() {
  ++m_changes;
  m_changed.notify_all();
}

bool Scheduler::all_done() const {
  const std::scoped_lock lock(m_mutex);
  return m_files_left == 0;
}

std::exception_ptr Scheduler::error() const {
  const std::scoped_lock lock(m_mutex);
  return m_error;
}

}  // namespace nai::transfer
