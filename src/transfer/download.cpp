// SPDX-License-Identifier: Apache-2.0
#include <nai/transfer/download.hpp>

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "block_pool.hpp"
#include "block_writer.hpp"
#include "checkpointer.hpp"
#include "file_transfer.hpp"
#include "files.hpp"
#include "governor.hpp"
#include "rate_limit.hpp"
#include "retry_log.hpp"
#include "scheduler.hpp"
#include "worker_threads.hpp"

#include <nai/util/error.hpp>
#include <nai/util/units.hpp>

namespace nai::transfer {

namespace {

std::size_t first_connections(const Options& options) {
  return options.connections.value_or(std::min<std::size_t>(4, options.max_connections));
}

class CountedConnection {
 public:
  explicit CountedConnection(Progress& progress) : m_progress(progress) {
    ++m_progress.connections;
  }
  ~CountedConnection() { --m_progress.connections; }
  CountedConnection(const CountedConnection&) = delete;
  CountedConnection& operator=(const CountedConnection&) = delete;

 private:
  Progress& m_progress;
};

// One run of download(): its threads and what they share.
class Download {
 public:
  Download(const source::Manifest& manifest, const Options& options,
           const DownloadContext& context);

  void run(const std::stop_token& stop);

 private:
  void run_workers();
  void provide_workers(std::size_t count);
  void work(std::size_t worker);
  void fetch(const Scheduler::Work& work);
  void pace(std::size_t bytes, const std::stop_token& stop);
  void retry_later(const Lease& lease, std::uint64_t done, const source::FetchResult& result);
  void count_retry(const source::FetchResult& result, const std::string& path);

  void save_state() noexcept;
  [[noreturn]] void rethrow();

  const source::Manifest& m_manifest;
  const Options& m_options;
  const DownloadContext& m_context;
  Progress& m_progress;
  const std::vector<PendingFile> m_pending;
  Scheduler m_scheduler;
  BlockPool m_blocks;
  Files m_files;
  std::optional<RateLimit> m_rate_limit;
  RetryLog m_retry_log;
  Checkpointer m_checkpointer;
  std::mutex m_workers_mutex;
  std::vector<std::jthread> m_workers;  // guarded by m_workers_mutex
  bool m_workers_wanted = true;
  Governor m_governor;  // last: its thread uses everything above
};

Download::Download(const source::Manifest& manifest, const Options& options,
                   const DownloadContext& context)
    : m_manifest(manifest),
      m_options(options),
      m_context(context),
      m_progress(context.progress),
      m_pending(pending_files(manifest, context)),
      m_scheduler({.chunk_bytes = options.chunk_bytes,
                   .min_chunk_bytes = options.min_chunk_bytes,
                   .window_bytes = options.memory_bytes / 2,
                   .workers = first_connections(options)},
                  options.retry, m_pending.size(), context.clock),
      m_blocks(options.block_bytes, options.memory_bytes / options.block_bytes),
      m_files(manifest, options, context, m_scheduler, m_blocks),
      m_rate_limit(options.bytes_per_second > 0
                       ? std::optional<RateLimit>(std::in_place, options.bytes_per_second)
                       : std::nullopt),
      m_retry_log(context.clock, context.log),
      m_checkpointer({options.sync_interval, options.sync_bytes},
                     [this] { m_scheduler.guarded([this] { m_files.sync(); }); }),
      m_governor({.scheduler = m_scheduler,
                  .progress = m_progress,
                  .clock = context.clock,
                  .log = context.log,
                  .provide_workers = [this](std::size_t count) { provide_workers(count); }},
                 {.initial = first_connections(options), .max = options.max_connections},
                 !options.connections) {}

void Download::run(const std::stop_token& stop) {
  const std::stop_callback forward(stop, [this] { m_scheduler.request_stop(); });
  m_scheduler.guarded([this] {
    m_files.begin(m_pending);
    if (m_context.on_found) {
      m_context.on_found();
    }
  });
  run_workers();
  if (!m_scheduler.all_done()) {
    save_state();
    rethrow();
  }
}

// Returns when all files are done, or the run is stopping and no worker is busy any more.
void Download::run_workers() {
  provide_workers(first_connections(m_options));
  m_scheduler.wait();
  std::vector<std::jthread> workers;
  {
    const std::scoped_lock lock(m_workers_mutex);
    workers.swap(m_workers);
    m_workers_wanted = false;
  }
}

void Download::provide_workers(std::size_t count) {
  const std::scoped_lock lock(m_workers_mutex);
  const auto start = [this](std::size_t worker) {
    return std::jthread([this, worker] { m_scheduler.guarded([&] { work(worker); }); });
  };
  if (m_workers_wanted && !start_workers(m_workers, count, start)) {
    m_context.log.debug(
        "fewer_workers",
        fmt::format("no more threads can be started: {} connections at most", m_workers.size()));
  }
}

void Download::work(std::size_t worker) {
  while (const auto work = m_scheduler.next(worker)) {
    fetch(*work);
  }
}

void Download::fetch(const Scheduler::Work& work) {
  const Lease& lease = work.lease;
  const source::Artifact& artifact = m_manifest.artifacts[lease.file];
  const FilePtr file = m_files.open(lease.file);
  BlockPool::Block block = m_blocks.take();
  BlockWriter writer({.file = *file,
                      .range = lease.range,
                      .claim = [&](std::uint64_t end) { return m_scheduler.claim(lease, end); },
                      .pace = [&](std::size_t bytes) { pace(bytes, work.stop); },
                      .on_block =
                          [&](std::size_t bytes, FileTransfer::Next next) {
                            m_checkpointer.note_written(bytes);
                            m_files.advance(lease.file, file, next);
                          }},
                     block, m_progress, work.stop);
  const auto begun = std::chrono::steady_clock::now();
  const source::FetchResult result = [&] {
    const CountedConnection counted(m_progress);
    return m_context.source.fetch(artifact, lease.range, writer, work.stop);
  }();
  if (writer.first_byte()) {
    m_governor.note_latency(*writer.first_byte() - begun);
  }
  writer.finish();
  retry_later(lease, writer.written_bytes(), result);
}

void Download::pace(std::size_t bytes, const std::stop_token& stop) {
  if (m_rate_limit) {
    util::Clock& clock = m_context.clock;
    clock.sleep_until(m_rate_limit->reserve(bytes, clock.steady_now()), stop);
  }
}

void Download::retry_later(const Lease& lease, std::uint64_t done,
                           const source::FetchResult& result) {
  const auto wait = m_scheduler.give_back(lease, done, result);
  if (!wait || m_scheduler.stop_token().stop_requested()) {
    return;
  }
  const std::string& path = m_manifest.artifacts[lease.file].path;
  count_retry(result, path);
  if (wait->failures >= m_options.retry.max_attempts) {
    throw util::Error(util::ErrorKind::temporary,
                      fmt::format("gave up on {} after {} attempts without progress: {}", path,
                                  wait->failures, result.cause));
  }
  m_retry_log.tell(
      {.path = path, .result = result, .failures = wait->failures, .delay = wait->delay});
}

void Download::count_retry(const source::FetchResult& result, const std::string& path) {
  ++m_progress.retries;
  if (result.verdict == http::Verdict::rate_limited) {
    ++m_progress.rate_limited;
  } else if (result.status != 0) {
    ++m_progress.refused;
  }
  m_progress.last_problem.set(fmt::format("{}: {}", path, result.cause));
}

// What cannot be saved any more is fetched again by the next run; the error that ended this one is
// what counts.
void Download::save_state() noexcept {
  try {
    m_files.sync();
  } catch (const std::exception& error) {
    m_context.log.debug("state_not_saved", error.what());
  }
}

void Download::rethrow() {
  const std::exception_ptr error = m_scheduler.error();
  if (!error) {
    throw util::Error(util::ErrorKind::interrupted, "interrupted");
  }
  try {
    std::rethrow_exception(error);
  } catch (const util::Error& problem) {
    const auto available = m_context.volume.available_bytes();
    if (problem.kind() != util::ErrorKind::no_space || !available) {
      throw;
    }
    const std::uint64_t needed = m_progress.bytes_total - m_progress.bytes_present;
    throw util::Error(
        problem.kind(),
        fmt::format("{}; {} are still needed, the volume says it has {} available", problem.what(),
                    util::format_bytes(needed), util::format_bytes(*available)));
  }
}

}  // namespace

void download(const source::Manifest& manifest, const Options& options,
              const DownloadContext& context, const std::stop_token& stop) {
  Download(manifest, options, context).run(stop);
}

}  // namespace nai::transfer
