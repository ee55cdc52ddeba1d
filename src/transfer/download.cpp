// SPDX-License-Identifier: Apache-2.0
#include <nai/transfer/download.hpp>

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "active_files.hpp"
#include "block_pool.hpp"
#include "block_writer.hpp"
#include "checkpointer.hpp"
#include "file_transfer.hpp"
#include "governor.hpp"
#include "in_place.hpp"
#include "rate_limit.hpp"
#include "scheduler.hpp"
#include "verifier.hpp"

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>
#include <nai/util/units.hpp>

namespace nai::transfer {

namespace {

using FilePtr = std::shared_ptr<FileTransfer>;

storage::FileIdentity identity_of(const source::Artifact& artifact) {
  return {.path = artifact.path, .size = artifact.size, .digest = artifact.digest};
}

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
  // Wraps a thread's work, so that what it throws ends the run.
  template <typename Work>
  void guarded(const Work& work) noexcept;

  struct Pending {
    std::size_t index = 0;
    storage::FileState state = storage::FileState::absent;
  };

  std::vector<Pending> plan();
  void begin_files();
  void begin_file(const Pending& pending);
  void check_in_place(std::size_t index);
  void adopt_or_fetch(std::size_t index, const Reading& reading);
  void resume(std::size_t index);

  void run_workers();
  void provide_workers(std::size_t count);
  void work();
  void fetch(const Scheduler::Work& work);
  void pace(std::size_t bytes, const std::stop_token& stop);
  void retry_later(const Lease& lease, std::uint64_t done, const source::FetchResult& result);

  void advance(std::size_t index, const FilePtr& file, FileTransfer::Next next);
  void complete(std::size_t index, const FilePtr& file);
  void fetch_again(std::size_t index, const FilePtr& file);
  void finished(std::size_t index);

  [[nodiscard]] FilePtr active(std::size_t index);
  [[nodiscard]] bool journaled(const source::Artifact& artifact) const;
  void sync_all();
  void save_state() noexcept;
  [[noreturn]] void rethrow();

  const source::Manifest& m_manifest;
  const Options& m_options;
  const DownloadContext& m_context;
  Progress& m_progress;
  const std::vector<Pending> m_to_do;
  Scheduler m_scheduler;
  BlockPool m_blocks;
  std::optional<RateLimit> m_rate_limit;
  ActiveFiles m_active;
  std::mutex m_mutex;
  std::set<std::size_t> m_fetched_again;  // guarded by m_mutex
  Checkpointer m_checkpointer;
  std::mutex m_workers_mutex;
  std::vector<std::jthread> m_workers;  // guarded by m_workers_mutex
  bool m_workers_wanted = true;
  Verifier m_verifier;
  Governor m_governor;  // last: its thread uses everything above
};

Download::Download(const source::Manifest& manifest, const Options& options,
                   const DownloadContext& context)
    : m_manifest(manifest),
      m_options(options),
      m_context(context),
      m_progress(context.progress),
      m_to_do(plan()),
      m_scheduler({.chunk_bytes = options.chunk_bytes,
                   .min_chunk_bytes = options.min_chunk_bytes,
                   .window_bytes = options.memory_bytes / 2,
                   .workers = first_connections(options)},
                  options.retry, m_to_do.size(), context.clock),
      m_blocks(options.block_bytes, options.memory_bytes / options.block_bytes),
      m_rate_limit(options.bytes_per_second > 0
                       ? std::optional<RateLimit>(std::in_place, options.bytes_per_second)
                       : std::nullopt),
      m_checkpointer({options.sync_interval, options.sync_bytes},
                     [this] { guarded([this] { sync_all(); }); }),
      m_verifier(options.verifiers),
      m_governor({.scheduler = m_scheduler,
                  .progress = m_progress,
                  .clock = context.clock,
                  .log = context.log,
                  .provide_workers = [this](std::size_t count) { provide_workers(count); }},
                 {.initial = first_connections(options), .max = options.max_connections},
                 !options.connections) {}

template <typename Work>
void Download::guarded(const Work& work) noexcept {
  try {
    work();
  } catch (...) {
    m_scheduler.fail(std::current_exception());
  }
}

// The files that are not known to be complete.
std::vector<Download::Pending> Download::plan() {
  std::vector<Pending> to_do;
  m_progress.files_total = m_manifest.artifacts.size();
  m_progress.bytes_total = m_manifest.total_bytes();
  for (std::size_t index = 0; index < m_manifest.artifacts.size(); ++index) {
    const source::Artifact& artifact = m_manifest.artifacts[index];
    const auto state = m_context.volume.inventory().state_of(identity_of(artifact));
    if (state == storage::FileState::published) {
      ++m_progress.files_done;
      m_progress.bytes_present += artifact.size;
      m_progress.bytes_reused += artifact.size;
    } else {
      to_do.push_back({index, state});
    }
  }
  return to_do;
}

void Download::run(const std::stop_token& stop) {
  const std::stop_callback forward(stop, [this] { m_scheduler.request_stop(); });
  guarded([this] { begin_files(); });
  run_workers();
  if (!m_scheduler.all_done()) {
    save_state();
    rethrow();
  }
}

void Download::begin_files() {
  for (const Pending& pending : m_to_do) {
    begin_file(pending);
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
  while (m_workers_wanted && m_workers.size() < count) {
    m_workers.emplace_back([this] { guarded([this] { work(); }); });
  }
}

void Download::begin_file(const Pending& pending) {
  const source::Artifact& artifact = m_manifest.artifacts[pending.index];
  const storage::Layout& layout = m_context.volume.layout();
  if (pending.state == storage::FileState::candidate) {
    check_in_place(pending.index);
  } else if (artifact.size == 0 || util::stat_path(layout.journal(artifact.path))) {
    resume(pending.index);
  } else {
    m_scheduler.add(pending.index, artifact.size, {{0, artifact.size}});
  }
}

void Download::check_in_place(std::size_t index) {
  m_verifier.post([this, index](std::span<std::byte> buffer, const std::stop_token& stop) {
    guarded([&] {
      const auto note = [this](std::size_t bytes) { m_progress.bytes_hashed += bytes; };
      adopt_or_fetch(index, {buffer, note, stop});
    });
  });
}

// A file that nobody vouches for is read; what has the right checksum stays, whoever put it there.
void Download::adopt_or_fetch(std::size_t index, const Reading& reading) {
  const auto identity = identity_of(m_manifest.artifacts[index]);
  const bool right = matches_in_place(m_context.volume, identity, reading);
  if (reading.stop.stop_requested()) {
    return;
  }
  if (!right) {
    resume(index);
    return;
  }
  m_context.volume.inventory().add(identity);
  m_progress.bytes_present += identity.size;
  m_progress.bytes_reused += identity.size;
  finished(index);
}

// Opens the partial file at once, because only it knows what is missing.
void Download::resume(std::size_t index) {
  const source::Artifact& artifact = m_manifest.artifacts[index];
  const FilePtr file = active(index);
  file->open(m_context.volume, journaled(artifact));
  const util::RangeSet present = file->present();
  m_progress.bytes_present += present.total_bytes();
  m_progress.bytes_reused += present.total_bytes();
  // Before a worker can get at the file, or both would move its checksum.
  const auto next = file->begin();
  m_scheduler.add(index, artifact.size, present.missing(artifact.size));
  advance(index, file, next);
}

void Download::work() {
  while (const auto work = m_scheduler.next()) {
    fetch(*work);
  }
}

void Download::fetch(const Scheduler::Work& work) {
  const Lease& lease = work.lease;
  const source::Artifact& artifact = m_manifest.artifacts[lease.file];
  const FilePtr file = active(lease.file);
  file->open(m_context.volume, journaled(artifact));
  BlockPool::Block block = m_blocks.take();
  BlockWriter writer({.file = *file,
                      .range = lease.range,
                      .claim = [&](std::uint64_t end) { return m_scheduler.claim(lease, end); },
                      .pace = [&](std::size_t bytes) { pace(bytes, work.stop); },
                      .on_block =
                          [&](std::size_t bytes, FileTransfer::Next next) {
                            m_checkpointer.note_written(bytes);
                            advance(lease.file, file, next);
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
  ++m_progress.retries;
  m_progress.rate_limited += result.verdict == http::Verdict::rate_limited ? 1U : 0U;
  if (wait->failures >= m_options.retry.max_attempts) {
    throw util::Error(util::ErrorKind::temporary,
                      fmt::format("gave up on {} after {} attempts without progress: {}", path,
                                  wait->failures, result.cause));
  }
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait->delay);
  m_context.log.warning(
      "retry",
      fmt::format("{}: {}; trying again in {}", path, result.cause, util::format_duration(seconds)),
      {{"path", path},
       {"cause", result.cause},
       {"failures", static_cast<std::uint64_t>(wait->failures)}});
}

void Download::advance(std::size_t index, const FilePtr& file, FileTransfer::Next next) {
  if (next == FileTransfer::Next::complete) {
    complete(index, file);
  } else if (next == FileTransfer::Next::catch_up) {
    m_verifier.post([this, index, file](std::span<std::byte> buffer, const std::stop_token&) {
      guarded([&] { advance(index, file, file->catch_up(buffer, m_scheduler.stop_token())); });
    });
  }
}

void Download::complete(std::size_t index, const FilePtr& file) {
  if (file->digest() != file->identity().digest) {
    fetch_again(index, file);
    return;
  }
  file->publish(m_context.volume);
  m_active.remove(index);
  finished(index);
}

void Download::finished(std::size_t index) {
  ++m_progress.files_done;
  const source::Artifact& artifact = m_manifest.artifacts[index];
  m_context.log.debug("file_published", artifact.path + " is complete and verified",
                      {{"path", artifact.path}, {"bytes", artifact.size}});
  m_scheduler.file_done();
}

void Download::fetch_again(std::size_t index, const FilePtr& file) {
  const source::Artifact& artifact = m_manifest.artifacts[index];
  const std::string problem = fmt::format("{} has checksum {} instead of {}", artifact.path,
                                          file->digest().to_string(), artifact.digest.to_string());
  m_context.source.forget(artifact);
  file->reset();
  const bool first_time = [&] {
    const std::scoped_lock lock(m_mutex);
    return m_fetched_again.insert(index).second;
  }();
  if (artifact.size == 0) {
    throw util::Error(util::ErrorKind::content_mismatch,
                      problem + ", which no file of its listed size of 0 bytes can have");
  }
  if (!first_time) {
    throw util::Error(util::ErrorKind::content_mismatch,
                      problem + ", also when fetched again; nothing of it was published");
  }
  m_context.log.warning("content_mismatch", problem + "; fetching it again",
                        {{"path", artifact.path}, {"expected", artifact.digest.to_string()}});
  m_scheduler.add(index, artifact.size, {{0, artifact.size}});
}

FilePtr Download::active(std::size_t index) {
  return m_active.get(index, [&] {
    return std::make_shared<FileTransfer>(identity_of(m_manifest.artifacts[index]), m_blocks,
                                          m_progress);
  });
}

// A file that one request fetches is not worth a checkpoint.
bool Download::journaled(const source::Artifact& artifact) const {
  return artifact.size > m_options.min_chunk_bytes;
}

void Download::sync_all() {
  for (const FilePtr& file : m_active.all()) {
    file->sync();
  }
}

// What cannot be saved any more is fetched again by the next run; the error that ended this one is
// what counts.
void Download::save_state() noexcept {
  for (const FilePtr& file : m_active.all()) {
    try {
      file->sync();
    } catch (const std::exception& error) {
      m_context.log.debug("state_not_saved", error.what());
    }
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
