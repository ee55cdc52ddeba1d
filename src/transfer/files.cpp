// SPDX-License-Identifier: Apache-2.0
#include "files.hpp"

#include <array>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

namespace nai::transfer {

namespace {

storage::FileIdentity identity_of(const source::Artifact& artifact) {
  return {.path = artifact.path, .size = artifact.size, .digest = artifact.digest};
}

std::optional<util::ByteRange> portion_of(const source::Artifact& artifact,
                                          const Portions& portions) {
  const auto portion = portions.find(artifact.path);
  return portion == portions.end() ? std::nullopt : std::optional(portion->second);
}

// Complete files that wait to be published.
constexpr std::size_t k_most_waiting = 16;

// The bytes of it that this run is about.
std::uint64_t wanted_bytes(const source::Artifact& artifact, const Portions& portions) {
  const auto portion = portion_of(artifact, portions);
  return portion ? portion->length : artifact.size;
}

}  // namespace

std::vector<PendingFile> pending_files(const source::Manifest& manifest,
                                       const DownloadContext& context) {
  std::vector<PendingFile> pending;
  Progress& progress = context.progress;
  progress.files_total = manifest.artifacts.size();
  for (std::size_t index = 0; index < manifest.artifacts.size(); ++index) {
    const source::Artifact& artifact = manifest.artifacts[index];
    const std::uint64_t bytes = wanted_bytes(artifact, context.portions);
    progress.bytes_total += bytes;
    auto state = context.volume.inventory().state_of(identity_of(artifact));
    if (state == storage::FileState::published) {
      ++progress.files_done;
      progress.bytes_present += bytes;
      progress.bytes_reused += bytes;
    } else {
      // Whoever has only a portion cannot tell whether a file is right.
      state = bytes < artifact.size ? storage::FileState::absent : state;
      progress.files_unproven += state == storage::FileState::candidate ? 1U : 0U;
      pending.push_back({index, state});
    }
  }
  return pending;
}

Files::Files(const source::Manifest& manifest, const Options& options,
             const DownloadContext& context, Scheduler& scheduler, BlockPool& blocks)
    : m_manifest(manifest),
      m_options(options),
      m_context(context),
      m_progress(context.progress),
      m_scheduler(scheduler),
      m_blocks(blocks),
      m_pairs_pay(options.hash_in_pairs ? *options.hash_in_pairs : digest::Hasher::pairs_pay()),
      m_publisher(options.verifiers),
      m_pairs(m_pairs_pay ? options.verifiers : 0,
              [this](const auto& first, const auto& second) {
                m_scheduler.guarded([&] { hash(first, second); });
              }),
      m_verifier(options.verifiers) {}

void Files::begin(const std::vector<PendingFile>& pending) {
  for (const PendingFile& file : pending) {
    if (m_scheduler.stop_token().stop_requested()) {
      return;
    }
    begin_file(file);
  }
}

void Files::begin_file(const PendingFile& pending) {
  const source::Artifact& artifact = m_manifest.artifacts[pending.index];
  storage::Volume& volume = m_context.volume;
  const bool portion = portion_of(artifact, m_context.portions).has_value();
  if (!portion && (pending.state == storage::FileState::candidate ||
                   !volume.found_content().candidates(identity_of(artifact)).empty())) {
    check_found(pending);
  } else if (portion || artifact.size == 0 ||
             util::stat_path(volume.layout().journal(artifact.path, artifact.digest))) {
    resume(pending.index);
  } else {
    m_scheduler.add(pending.index, artifact.size, {{0, artifact.size}});
  }
}

void Files::check_found(const PendingFile& pending) {
  m_verifier.post([this, pending](std::span<std::byte> buffer, const std::stop_token& stop) {
    const auto note = [this](std::size_t bytes) { m_progress.bytes_hashed += bytes; };
    m_scheduler.guarded([&] { adopt_or_fetch(pending, {buffer, note, stop}); });
  });
}

// A file that nobody vouches for is read; what has the right checksum stays, whoever put it there.
bool Files::adopt(const PendingFile& pending, const Reading& reading) {
  const auto identity = identity_of(m_manifest.artifacts[pending.index]);
  if (pending.state == storage::FileState::candidate &&
      matches_in_place(m_context.volume, identity, reading, m_context.log)) {
    m_context.volume.inventory().add(identity);
    return true;
  }
  return take_over(m_context.volume, identity, reading, m_context.log);
}

void Files::adopt_or_fetch(const PendingFile& pending, const Reading& reading) {
  const bool right = adopt(pending, reading);
  if (reading.stop.stop_requested()) {
    return;
  }
  if (!right) {
    resume(pending.index);
    return;
  }
  const std::uint64_t size = m_manifest.artifacts[pending.index].size;
  m_progress.bytes_present += size;
  m_progress.bytes_reused += size;
  finished(pending.index);
}

FilePtr Files::open(std::size_t index) {
  const source::Artifact& artifact = m_manifest.artifacts[index];
  FilePtr file = m_active.get(index, [&] {
    const bool in_pairs = hashed_in_pairs(artifact);
    m_open_for_pairs += in_pairs ? 1U : 0U;
    return std::make_shared<FileTransfer>(
        identity_of(artifact), portion_of(artifact, m_context.portions), m_blocks, m_progress,
        [this, in_pairs] { return in_pairs && m_open_for_pairs > 1; });
  });
  file->open(m_context.volume, journaled(artifact), m_scheduler.stop_token());
  return file;
}

// Opens the partial file at once, because only it knows what is missing.
void Files::resume(std::size_t index) {
  const source::Artifact& artifact = m_manifest.artifacts[index];
  const FilePtr file = open(index);
  m_progress.bytes_present += file->present_bytes();
  m_progress.bytes_reused += file->present_bytes();
  const auto missing = file->missing();
  // Before a worker can get at the file, or both would move its checksum.
  const auto next = file->begin();
  m_scheduler.add(index, artifact.size, missing);
  advance(index, file, next);
}

void Files::advance(std::size_t index, const FilePtr& file, FileTransfer::Next next) {
  if (next == FileTransfer::Next::complete) {
    complete(index, file);
  } else if (next == FileTransfer::Next::catch_up) {
    m_verifier.post([this, index, file](std::span<std::byte> buffer, const std::stop_token&) {
      m_scheduler.guarded(
          [&] { advance(index, file, file->catch_up(buffer, m_scheduler.stop_token())); });
    });
  } else if (next == FileTransfer::Next::ready) {
    m_pairs.add({index, file});
  }
}

// A large file takes its time to become durable, in which others can be received and hashed. Each
// that waits for it holds descriptors.
void Files::complete(std::size_t index, const FilePtr& file) {
  if (!file->is_portion() && file->digest() != file->identity().digest) {
    fetch_again(index, file);
    return;
  }
  m_open_for_pairs -= hashed_in_pairs(m_manifest.artifacts[index]) ? 1U : 0U;
  const auto work = [this, index, file](std::span<std::byte>, const std::stop_token&) {
    if (!m_scheduler.stop_token().stop_requested()) {
      m_scheduler.guarded([&] { publish(index, file); });
    }
  };
  if (!journaled(m_manifest.artifacts[index]) || !m_publisher.try_post(work, k_most_waiting)) {
    publish(index, file);
  }
}

void Files::hash(const PairedHashing::File& first,
                 const std::optional<PairedHashing::File>& second) {
  if (!second) {
    // A second file is worth waiting for at every block while there is memory for what comes.
    const auto wait = [this] { return m_pairs.any_ready() || !m_blocks.is_scarce(); };
    advance(first.index, first.transfer, first.transfer->hash_ready(wait));
    return;
  }
  const auto next = FileTransfer::hash_ready(*first.transfer, *second->transfer);
  std::array steps{std::pair(&first, next.first), std::pair(&*second, next.second)};
  if (next.first == FileTransfer::Next::complete) {
    std::swap(steps[0], steps[1]);  // publishing takes its time, in which the other goes on
  }
  for (const auto& [file, step] : steps) {
    advance(file->index, file->transfer, step);
  }
}

void Files::publish(std::size_t index, const FilePtr& file) {
  if (file->is_portion()) {
    file->seal();
  } else {
    file->publish(m_context.volume);
  }
  m_active.remove(index);
  finished(index);
}

void Files::finished(std::size_t index) {
  ++m_progress.files_done;
  const source::Artifact& artifact = m_manifest.artifacts[index];
  if (const auto portion = portion_of(artifact, m_context.portions)) {
    m_context.log.debug("portion_complete", "the portion of " + artifact.path + " is complete",
                        {{"path", artifact.path}, {"bytes", portion->length}});
  } else {
    m_context.log.debug("file_published", artifact.path + " is complete and verified",
                        {{"path", artifact.path}, {"bytes", artifact.size}});
  }
  m_scheduler.file_done();
}

void Files::fetch_again(std::size_t index, const FilePtr& file) {
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

// A file that one request fetches is not worth a checkpoint.
bool Files::journaled(const source::Artifact& artifact) const {
  return artifact.size > m_options.min_chunk_bytes ||
         portion_of(artifact, m_context.portions).has_value();
}

bool Files::hashed_in_pairs(const source::Artifact& artifact) const {
  const auto portion = portion_of(artifact, m_context.portions);
  const bool hashed = !portion || portion->offset == 0;
  return m_pairs_pay && hashed && journaled(artifact) &&
         artifact.digest.algorithm() == digest::Algorithm::sha256;
}

void Files::sync() {
  std::exception_ptr first;
  for (const FilePtr& file : m_active.all()) {
    try {
      file->sync();
    } catch (...) {
      first = first ? first : std::current_exception();
    }
  }
  if (first) {
    std::rethrow_exception(first);
  }
}

}  // namespace nai::transfer
