// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include <nai/http/retry.hpp>
#include <nai/source/source.hpp>
#include <nai/storage/volume.hpp>
#include <nai/transfer/progress.hpp>
#include <nai/transfer/shard.hpp>
#include <nai/util/clock.hpp>
#include <nai/util/log.hpp>

namespace nai::transfer {

// Defaults need no tuning.
struct Options {
  // Empty: found while the transfer goes on.
  std::optional<std::size_t> connections = {};
  std::size_t max_connections = 64;
  // For all connections together; 0: no limit.
  std::uint64_t bytes_per_second = 0;
  // The unit of leasing: one request asks for at most this much.
  std::uint64_t chunk_bytes = std::uint64_t{64} << 20U;
  // Leases shrink towards this at the end of a run, so that no connection is left alone with a long
  // tail.
  std::uint64_t min_chunk_bytes = std::uint64_t{8} << 20U;
  // The unit of writing, and the most that a kill can lose for each connection.
  std::size_t block_bytes = std::size_t{1} << 20U;
  // For blocks: those being filled, and those that wait in memory to be hashed in their turn.
  std::size_t memory_bytes = std::size_t{32} << 20U;
  // What is on disk but not yet durable is synced and recorded this often, or when there is this
  // much of it.
  std::chrono::milliseconds sync_interval{5'000};
  std::uint64_t sync_bytes = std::uint64_t{4} << 30U;
  // Threads that read back what could not be hashed from memory; as many bring files together to
  // hash them in pairs, and as many publish.
  std::size_t verifiers = 2;
  // Whether the checksums of two files are computed at a time. Empty: where that is faster.
  std::optional<bool> hash_in_pairs = {};
  http::RetryPolicy retry = {};
};

// The same options, with no more memory and adaptive connections than fit into `memory_limit` bytes
// for the whole process; it never gets below 4 connections. A given number of connections stays.
[[nodiscard]] Options within_memory(Options options, std::uint64_t memory_limit);

// What a download works with; all of it outlives the call.
struct DownloadContext {
  source::Source& source;
  storage::Volume& volume;
  Progress& progress;
  util::Clock& clock;
  util::Log& log;
  // Called once, when `progress` tells what was found on the volume and nothing was fetched yet.
  std::function<void()> on_found = {};
  // Files of which only a part is to be fetched and made durable, and nothing published.
  Portions portions = {};
};

// Brings every artifact of `manifest` onto the volume, verified and published, and re-uses what is
// there. Blocks until all are published; throws Error otherwise, after saving the state that a next
// run resumes from. When `stop` is requested it saves that state and throws Error{interrupted}
// within seconds. Writes no completion record.
void download(const source::Manifest& manifest, const Options& options,
              const DownloadContext& context, const std::stop_token& stop);

}  // namespace nai::transfer
