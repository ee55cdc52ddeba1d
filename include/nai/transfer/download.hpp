// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>

#include <nai/http/retry.hpp>
#include <nai/source/source.hpp>
#include <nai/storage/volume.hpp>
#include <nai/transfer/progress.hpp>
#include <nai/util/clock.hpp>
#include <nai/util/log.hpp>

namespace nai::transfer {

struct Options {
  std::size_t connections = 16;
  // The unit of leasing: one request asks for at most this much.
  std::uint64_t chunk_bytes = std::uint64_t{64} * 1024 * 1024;
  // The unit of writing, and of what a kill can lose for each connection.
  std::size_t block_bytes = std::size_t{1024} * 1024;
  // What is on disk but not yet durable is synced and recorded at least this often.
  std::chrono::milliseconds sync_interval{5'000};
  std::uint64_t sync_bytes = std::uint64_t{1024} * 1024 * 1024;
  http::RetryPolicy retry = {};
};

// Brings every artifact of `manifest` onto the volume, verified and published, re-using what is there. Blocks until all
// are published; throws Error otherwise, after saving the state that a next run resumes from. When `stop` is requested
// it saves the state and throws Error{interrupted} within seconds. Writes no completion record.
void download(source::Source& source, const source::Manifest& manifest, storage::Volume& volume,
              const Options& options, Progress& progress, util::Clock& clock, util::Log& log,
              const std::stop_token& stop);

}  // namespace nai::transfer
