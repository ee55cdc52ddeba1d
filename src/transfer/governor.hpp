// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include <nai/transfer/progress.hpp>
#include <nai/util/clock.hpp>
#include <nai/util/log.hpp>

#include "concurrency.hpp"
#include "scheduler.hpp"
#include "shortest_latency.hpp"
#include "stragglers.hpp"

namespace nai::transfer {

// A thread that watches the running transfer and adapts it: the number of connections, what workers
// of one file ask for at a time, and connections to dial anew. It says each decision at debug
// level.
class Governor {
 public:
  struct Target {
    Scheduler& scheduler;
    const Progress& progress;
    const util::Clock& clock;
    util::Log& log;
    // Makes sure that there are that many workers; called on the governor's thread.
    std::function<void(std::size_t connections)> provide_workers;
  };

  // `adaptive` is false when the number of connections is given.
  Governor(Target target, Concurrency::Limits limits, bool adaptive);

  // How long a request took to bring its first byte. Thread-safe.
  void note_latency(std::chrono::duration<double> latency) { m_latency.note(latency.count()); }

 private:
  void run(const std::stop_token& stop);
  void adapt();
  void adapt_connections(const Concurrency::Sample& sample);
  void adapt_chunks(double bytes_per_second);
  void redial_stragglers();

  Target m_target;
  bool m_adaptive;
  Concurrency m_concurrency;
  Stragglers m_stragglers;
  ShortestLatency m_latency;
  double m_connection_rate = 0;  // bytes a second of one connection, smoothed
  std::uint64_t m_last_bytes = 0;
  util::SteadyTime m_last_time{};
  std::mutex m_mutex;
  std::condition_variable_any m_never;
  std::jthread m_thread;
};

}  // namespace nai::transfer
