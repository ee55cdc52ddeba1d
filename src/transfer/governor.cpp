// SPDX-License-Identifier: Apache-2.0
#include "governor.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace nai::transfer {

namespace {

using namespace std::chrono_literals;

constexpr auto k_interval = 100ms;
// Ticks between two looks at single connections.
constexpr int k_straggler_ticks = 30;
// A request may cost a tenth of its time in latency.
constexpr double k_transfer_to_latency = 9;
// The last requests of a run take about this long.
constexpr double k_tail_seconds = 1;

}  // namespace

Governor::Governor(Target target, Concurrency::Limits limits, bool adaptive)
    : m_target(std::move(target)),
      m_adaptive(adaptive),
      m_concurrency(limits),
      m_thread([this](const std::stop_token& stop) { run(stop); }) {}

void Governor::run(const std::stop_token& stop) {
  for (int tick = 1; !stop.stop_requested(); ++tick) {
    {
      std::unique_lock lock(m_mutex);
      m_never.wait_for(lock, stop, k_interval, [] { return false; });
    }
    adapt();
    if (tick % k_straggler_ticks == 0) {
      redial_stragglers();
    }
  }
}

void Governor::adapt() {
  const Progress& progress = m_target.progress;
  const Concurrency::Sample sample{.time = m_target.clock.steady_now(),
                                   .bytes = progress.bytes_received,
                                   .failures = progress.retries,
                                   .rate_limited = progress.rate_limited,
                                   .busy = progress.connections};
  const double elapsed = std::chrono::duration<double>(sample.time - m_last_time).count();
  adapt_chunks(static_cast<double>(sample.bytes - m_last_bytes) / std::max(elapsed, 1e-3));
  m_last_bytes = sample.bytes;
  m_last_time = sample.time;
  if (m_adaptive) {
    adapt_connections(sample);
  }
}

void Governor::adapt_connections(const Concurrency::Sample& sample) {
  const std::size_t before = m_concurrency.target();
  const std::string why = m_concurrency.observe(sample);
  const std::size_t now = m_concurrency.target();
  if (now == before) {
    return;
  }
  m_target.log.debug("connections",
                     fmt::format("{} connections instead of {}: {}", now, before, why),
                     {{"connections", now}, {"before", before}, {"reason", why}});
  m_target.scheduler.set_connections(now, m_concurrency.urgent());
  m_target.provide_workers(now);
}

void Governor::adapt_chunks(double bytes_per_second) {
  const auto connections =
      static_cast<double>(std::max<std::size_t>(m_target.progress.connections, 1));
  m_connection_rate = 0.8 * m_connection_rate + 0.2 * bytes_per_second / connections;
  const double worthwhile = k_transfer_to_latency * m_latency.seconds() * m_connection_rate;
  m_target.scheduler.set_lease_bytes(
      static_cast<std::uint64_t>(worthwhile),
      static_cast<std::uint64_t>(k_tail_seconds * m_connection_rate));
}

void Governor::redial_stragglers() {
  for (const std::uint64_t lease :
       m_stragglers.observe(m_target.clock.steady_now(), m_target.scheduler.active())) {
    m_target.log.debug("redial", "a connection is far slower than the others; it is dialled anew");
    m_target.scheduler.redial(lease);
  }
}

}  // namespace nai::transfer
