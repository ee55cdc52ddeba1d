// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <vector>

#include <nai/http/retry.hpp>
#include <nai/source/source.hpp>
#include <nai/transfer/chunk_queue.hpp>
#include <nai/util/clock.hpp>

namespace nai::transfer {

// The meeting point of the threads of one download: the chunk queue behind a lock, the number of
// files left, and the first error. Thread-safe; never does I/O under its lock.
class Scheduler {
 public:
  Scheduler(ChunkQueueOptions options, http::RetryPolicy retry, std::size_t files,
            util::Clock& clock);

  void add(std::size_t file, std::uint64_t size, const std::vector<util::ByteRange>& missing);
  // A chunk to fetch, and the token that says when to give it up: when the run stops, or when the
  // lease was cut.
  struct Work {
    Lease lease;
    std::stop_token stop;
  };
  // Blocks until there is a chunk to fetch and a free connection. Empty when all files are done or
  // the run is stopping. Workers count from 0; those that are too many sleep, so that nobody wakes
  // them for each chunk to take it from one that is at work already.
  [[nodiscard]] std::optional<Work> next(std::size_t worker);
  // See ChunkQueue::claim.
  [[nodiscard]] std::uint64_t claim(const Lease& lease, std::uint64_t end);
  // How long the rest of a lease waits, and how often in a row it has failed now.
  struct Wait {
    std::chrono::milliseconds delay{0};
    int failures = 0;
  };
  // The lease is over; what is left of it waits as `result` and the retry policy say. Empty when
  // nothing is left.
  std::optional<Wait> give_back(const Lease& lease, std::uint64_t done_bytes,
                                const source::FetchResult& result);

  // The number of leases that may be active at once. Those above it go on to their end, or are cut
  // at once, the youngest first.
  void set_connections(std::size_t connections, bool at_once);
  // See ChunkQueue.
  void set_lease_bytes(std::uint64_t min_shared, std::uint64_t tail);
  [[nodiscard]] std::vector<ActiveLease> active() const;
  // Takes the rest of a lease from its worker and ends its request: on another connection it may go
  // better. Nothing happens when the lease is over.
  void redial(std::uint64_t lease);

  // One file less to do.
  void file_done();
  // Ends the run. The first error is kept.
  void fail(std::exception_ptr error);
  // Does a thread's work; what it throws ends the run.
  template <typename Work>
  void guarded(const Work& work) noexcept {
    try {
      work();
    } catch (...) {
      fail(std::current_exception());
    }
  }
  void request_stop();
  [[nodiscard]] std::stop_token stop_token() const { return m_stop.get_token(); }

  // Blocks until all files are done, or the run is stopping.
  void wait();
  [[nodiscard]] bool all_done() const;
  // Null when there was none.
  [[nodiscard]] std::exception_ptr error() const;

 private:
  void changed();
  void stop_emptied();
  void drop(std::uint64_t lease);

  http::RetryPolicy m_retry;
  util::Clock& m_clock;
  mutable std::mutex m_mutex;
  std::condition_variable_any m_changed;
  std::condition_variable_any m_parked;  // where workers beyond the number of connections wait
  std::uint64_t m_changes = 0;
  ChunkQueue m_queue;
  std::size_t m_connections;
  std::map<std::uint64_t, std::stop_source> m_stops;  // of the active leases
  std::size_t m_files_left;
  std::exception_ptr m_error;
  std::mt19937 m_random;
  std::stop_source m_stop;
};

}  // namespace nai::transfer
