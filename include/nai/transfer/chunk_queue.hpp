// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include <nai/util/byte_range.hpp>
#include <nai/util/clock.hpp>

namespace nai::transfer {

// Part of a file that one worker fetches with one request.
struct Lease {
  std::size_t file = 0;
  util::ByteRange range;
  int failures = 0;  // attempts in a row that brought nothing
};

struct ChunkQueueOptions {
  std::uint64_t chunk_bytes = 0;      // the largest lease
  std::uint64_t min_chunk_bytes = 0;  // leases shrink towards this when little is left
  std::size_t workers = 1;
};

// Decides which chunk is fetched next. It does no I/O, has no clock of its own and is not
// thread-safe.
//
// Within a file the order is ascending, so that the checksum can follow. Among large files, those
// already begun come first, with one worker each while there are enough of them: then every block
// arrives where the checksum stands and nothing is read back. Small files (at most one chunk) share
// the workers evenly with large ones, so that their latency hides behind the large ones' bandwidth.
class ChunkQueue {
 public:
  explicit ChunkQueue(ChunkQueueOptions options);

  // `missing` must be disjoint and below `size`. Adding a file again after all of it was given back
  // is allowed.
  void add(std::size_t file, std::uint64_t size, const std::vector<util::ByteRange>& missing);

  // A chunk to fetch now; empty when all that is left is in flight or must wait.
  [[nodiscard]] std::optional<Lease> next(util::SteadyTime now);
  // When the first waiting chunk may be asked for again; empty when none waits.
  [[nodiscard]] std::optional<util::SteadyTime> next_ready() const;

  // The first `done_bytes` of the lease arrived. The rest, if any, may be leased again from
  // `not_before` on; its failures start again at zero if a good part arrived, else they are one
  // more.
  void give_back(const Lease& lease, std::uint64_t done_bytes, util::SteadyTime not_before);

  // How many attempts in a row have brought nothing, counting one that ends now with `done_bytes`.
  [[nodiscard]] static int failures_after(const Lease& lease, std::uint64_t done_bytes);

  // Nothing to lease and nothing waiting; something may be in flight.
  [[nodiscard]] bool exhausted() const;

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
  [[nodiscard]] Lease lease_small();
  [[nodiscard]] Lease lease_large(LargeFiles::iterator chosen);
  [[nodiscard]] std::uint64_t chunk_length(std::uint64_t gap_bytes) const;

  ChunkQueueOptions m_options;
  std::deque<Lease> m_small;
  LargeFiles m_large;
  std::multimap<util::SteadyTime, Lease> m_waiting;
  std::size_t m_small_in_flight = 0;
  std::size_t m_large_in_flight = 0;
  std::uint64_t m_large_unleased_bytes = 0;
};

}  // namespace nai::transfer
