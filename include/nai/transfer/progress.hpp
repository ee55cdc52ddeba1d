// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace nai::transfer {

// What a running download has done so far. Written by the transfer, read by whoever reports; every
// member may be read at any time from any thread. Bytes are bytes of content.
struct Progress {
  std::atomic<std::uint64_t> files_total{0};
  std::atomic<std::uint64_t> files_done{0};     // verified and published, by this run or before
  std::atomic<std::uint64_t> bytes_total{0};    // of all files of the revision
  std::atomic<std::uint64_t> bytes_present{0};  // on the volume: published, resumed or received
  std::atomic<std::uint64_t> bytes_reused{
      0};  // of those, found on the volume at the start (published or partial)
  std::atomic<std::uint64_t> bytes_received{
      0};  // from the network in this run, including what was received twice
  std::atomic<std::uint64_t> bytes_hashed{0};     // checked in this run
  std::atomic<std::uint64_t> bytes_read_back{0};  // of those, read from the volume
  std::atomic<std::uint64_t> connections{0};      // requests in flight
  std::atomic<std::uint64_t> retries{0};
  std::atomic<std::uint64_t> rate_limited{0};  // of those, because the server asked for fewer
};

}  // namespace nai::transfer
