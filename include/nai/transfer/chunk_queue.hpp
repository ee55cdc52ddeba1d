// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <nai/util/byte_range.hpp>
#include <nai/util/clock.hpp>

namespace nai::transfer {

// Part of a file that one worker fetches with one request.
struct Lease {
  std::uint64_t id = 0;  // never used twice
  std::size_t file = 0;
  util::ByteRange range;
  int failures = 0;  // attempts in a row that brought nothing
  int redials = 0;   // times it was taken from a worker that brought nothing, or next to nothing
};

// A lease that somebody is working on.
struct ActiveLease {
  Lease lease;                // its range ends where it was cut
  std::uint64_t claimed = 0;  // offset in the file up to which its worker writes for sure
  util::SteadyTime begun{};

  [[nodiscard]] std::uint64_t done_bytes() const { return claimed - lease.range.offset; }
  [[nodiscard]] std::uint64_t left_bytes() const { return lease.range.end() - claimed; }
};

struct ChunkQueueOptions {
  std::uint64_t chunk_bytes = 0;      // the largest lease
  std::uint64_t min_chunk_bytes = 0;  // leases shrink towards this when little is left
  // Workers that share a file stay together within about this much, so that what comes early can
  // wait in memory for the checksum. 0: no such care.
  std::uint64_t window_bytes = 0;
  std::size_t workers = 1;
};

// Decides which chunk is fetched next, and by how much a slow one is shortened in favour of an idle
// worker. It does no I/O, has no clock of its own and is not thread-safe.
//
// Within a file the order is ascending, so that the checksum can follow. Among large files, those
// already begun come first, with one worker each while there are enough of them: then every block
// arrives where the checksum stands and nothing is read back. Small files (at most two of the
// shortest chunks) share the workers evenly with large ones, so that their latency hides behind the
// large ones' bandwidth; they are shared by workers only when nothing else is left.
class ChunkQueue {
 public:
  explicit ChunkQueue(ChunkQueueOptions options);

  // `missing` must be disjoint and below `size`. Adding a file again after all of it was given back
  // is allowed.
  void add(std::size_t file, std::uint64_t size, const std::vector<util::ByteRange>& missing);
  // How many workers there are from now on.
  void set_workers(std::size_t workers) { m_options.workers = workers; }
  // Workers that share a file get at least this much at a time, because a request costs its
  // latency.
  void set_min_shared_bytes(std::uint64_t bytes) { m_min_shared_bytes = bytes; }

  // Towards the end of the run no lease is longer than this, if there are more of them: what a
  // connection brings in about a second. 0: not known.
  void set_tail_bytes(std::uint64_t bytes) { m_tail_bytes = bytes; }

  // A chunk to fetch now; empty when all that is left is in flight or must wait. When nothing else
  // is left it is a part of the active lease that would take longest, if it is worth a connection.
  [[nodiscard]] std::optional<Lease> next(util::SteadyTime now);
  // The leases that next() and cut() have left nothing of since the last call: their requests are
  // of no use any more.
  [[nodiscard]] std::vector<std::uint64_t> take_emptied() { return std::exchange(m_emptied, {}); }
  // How long a worker may go without bringing anything before its lease is given to another: longer
  // each time, so that a slow network is not taken for a dead connection for ever.
  [[nodiscard]] static std::chrono::seconds patience(const Lease& lease);
  // When the first waiting chunk may be asked for again; empty when none waits.
  [[nodiscard]] std::optional<util::SteadyTime> next_ready() const;

  // The worker of a lease is about to write up to the offset `end` of the file. Returns how far it
  // may: less when the lease was cut. What is claimed stays its own.
  [[nodiscard]] std::uint64_t claim(std::uint64_t lease, std::uint64_t end);
  // Takes from a lease all that its worker has not claimed, for others to fetch.
  void cut(std::uint64_t lease);
  // The lease is over: its first `done_bytes` arrived. The rest, if any, may be leased again from
  // `not_before` on; its failures start again at zero if a good part arrived, else they are one
  // more. Returns the number of bytes left.
  std::uint64_t give_back(std::uint64_t lease, std::uint64_t done_bytes,
                          util::SteadyTime not_before);

  // How many attempts in a row have brought nothing, counting one that ends now with `done_bytes`.
  [[nodiscard]] static int failures_after(const Lease& lease, std::uint64_t done_bytes);

  // Nothing to lease and nothing waiting; something may be in flight.
  [[nodiscard]] bool exhausted() const;
  [[nodiscard]] const std::map<std::uint64_t, ActiveLease>& active() const { return m_active; }

 private:
  struct LargeFile {
    std::map<std::uint64_t, Lease> gaps;  // by offset
    std::size_t in_flight = 0;
    std::size_t waiting = 0;
    bool begun = false;
  };
  using LargeFiles = std::map<std::size_t, LargeFile>;

  void add_ready(const Lease& chunk);
  void wake_waiting(util::SteadyTime now);
  [[nodiscard]] LargeFiles::iterator choose_large();
  [[nodiscard]] std::optional<Lease> take_gap();
  [[nodiscard]] Lease take_small();
  [[nodiscard]] Lease take_large(LargeFiles::iterator chosen);
  [[nodiscard]] bool has_shared_files() const;
  [[nodiscard]] std::uint64_t shared_length() const;
  [[nodiscard]] std::uint64_t chunk_length(const LargeFile& file, std::uint64_t gap_bytes) const;
  [[nodiscard]] ActiveLease* slowest(util::SteadyTime now);
  void divide_long_leases(util::SteadyTime now);
  void share(ActiveLease& victim);
  void shorten(ActiveLease& active, std::uint64_t end, int redials);

  ChunkQueueOptions m_options;
  std::uint64_t m_min_shared_bytes = 0;
  std::uint64_t m_tail_bytes = 0;
  std::vector<std::uint64_t> m_emptied;
  std::uint64_t m_last_id = 0;
  std::deque<Lease> m_small;
  LargeFiles m_large;
  std::multimap<util::SteadyTime, Lease> m_waiting;
  std::map<std::uint64_t, ActiveLease> m_active;  // by id
  std::size_t m_small_in_flight = 0;
  std::size_t m_large_in_flight = 0;
  std::uint64_t m_large_unleased_bytes = 0;
};

}  // namespace nai::transfer
