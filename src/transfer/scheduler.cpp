// SPDX-License-Identifier: Apache-2.0
#include "scheduler.hpp"

#include <algorithm>
#include <utility>

namespace nai::transfer {

namespace {

constexpr std::chrono::milliseconds k_longest_sleep{500};

}  // namespace

Scheduler::Scheduler(ChunkQueueOptions options, http::RetryPolicy retry, std::size_t files,
                     util::Clock& clock)
    : m_retry(retry),
      m_clock(clock),
      m_queue(options),
      m_connections(options.workers),
      m_files_left(files),
      m_random(std::random_device{}()) {}

void Scheduler::add(std::size_t file, std::uint64_t size,
                    const std::vector<util::ByteRange>& missing) {
  const std::scoped_lock lock(m_mutex);
  m_queue.add(file, size, missing);
  changed();
}

std::optional<Scheduler::Work> Scheduler::next(std::size_t worker) {
  const std::stop_token stop = m_stop.get_token();
  std::unique_lock lock(m_mutex);
  while (!stop.stop_requested() && m_files_left > 0) {
    if (worker >= m_connections) {
      m_parked.wait(lock, stop, [&] { return worker < m_connections || m_files_left == 0; });
      continue;
    }
    const auto now = m_clock.steady_now();
    const bool free = m_stops.size() < m_connections;
    const auto lease = free ? m_queue.next(now) : std::nullopt;
    stop_emptied();
    if (lease) {
      return Work{*lease, m_stops[lease->id].get_token()};
    }
    const auto changed = [this, seen = m_changes] { return m_changes != seen; };
    const auto ready = m_queue.next_ready();
    if (free && (ready || !m_stops.empty())) {
      // Also to see whether an active lease has become slow enough to share.
      const auto wait =
          std::min(ready.value_or(now + k_longest_sleep), now + k_longest_sleep) - now;
      m_changed.wait_for(lock, stop, wait, changed);
    } else {
      m_changed.wait(lock, stop, changed);
    }
  }
  return std::nullopt;
}

std::uint64_t Scheduler::claim(const Lease& lease, std::uint64_t end) {
  const std::scoped_lock lock(m_mutex);
  return m_queue.claim(lease.id, end);
}

std::optional<Scheduler::Wait> Scheduler::give_back(const Lease& lease, std::uint64_t done_bytes,
                                                    const source::FetchResult& result) {
  const std::scoped_lock lock(m_mutex);
  Wait wait{.failures = ChunkQueue::failures_after(lease, done_bytes)};
  if (wait.failures > 0 || result.server_wish) {
    wait.delay = http::retry_delay(m_retry, std::max(wait.failures, 1), result.verdict,
                                   result.server_wish, m_random);
  }
  m_stops.erase(lease.id);
  const auto left = m_queue.give_back(lease.id, done_bytes, m_clock.steady_now() + wait.delay);
  changed();
  return left > 0 ? std::optional(wait) : std::nullopt;
}

void Scheduler::set_connections(std::size_t connections, bool at_once) {
  const std::scoped_lock lock(m_mutex);
  m_connections = connections;
  m_queue.set_workers(connections);
  // Those that were cut before are still in m_stops, but have nothing left to do.
  std::vector<std::uint64_t> active;
  for (const auto& [id, lease] : m_queue.active()) {
    if (lease.left_bytes() > 0) {
      active.push_back(id);
    }
  }
  while (at_once && active.size() > connections) {
    drop(active.back());
    active.pop_back();
  }
  m_parked.notify_all();
  changed();
}

void Scheduler::set_lease_bytes(std::uint64_t min_shared, std::uint64_t tail) {
  const std::scoped_lock lock(m_mutex);
  m_queue.set_min_shared_bytes(min_shared);
  m_queue.set_tail_bytes(tail);
}

std::vector<ActiveLease> Scheduler::active() const {
  const std::scoped_lock lock(m_mutex);
  std::vector<ActiveLease> result;
  for (const auto& [id, lease] : m_queue.active()) {
    result.push_back(lease);
  }
  return result;
}

void Scheduler::redial(std::uint64_t lease) {
  const std::scoped_lock lock(m_mutex);
  drop(lease);
  changed();
}

// The lock is held. A request that nothing is left of would keep its worker until the next byte.
void Scheduler::stop_emptied() {
  for (const std::uint64_t lease : m_queue.take_emptied()) {
    if (const auto found = m_stops.find(lease); found != m_stops.end()) {
      found->second.request_stop();
    }
  }
}

// The lock is held.
void Scheduler::drop(std::uint64_t lease) {
  if (const auto found = m_stops.find(lease); found != m_stops.end()) {
    m_queue.cut(lease);
    found->second.request_stop();
  }
}

void Scheduler::file_done() {
  const std::scoped_lock lock(m_mutex);
  if (--m_files_left == 0) {
    m_parked.notify_all();
  }
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

void Scheduler::request_stop() {
  m_stop.request_stop();
  const std::scoped_lock lock(m_mutex);
  for (auto& [id, stop] : m_stops) {
    stop.request_stop();
  }
}

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
