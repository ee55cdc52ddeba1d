// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include <nai/source/source.hpp>
#include <nai/storage/volume.hpp>
#include <nai/transfer/download.hpp>

#include "active_files.hpp"
#include "block_pool.hpp"
#include "file_transfer.hpp"
#include "in_place.hpp"
#include "paired_hashing.hpp"
#include "scheduler.hpp"
#include "volume_threads.hpp"

namespace nai::transfer {

using FilePtr = std::shared_ptr<FileTransfer>;

// A file that is not known to be complete.
struct PendingFile {
  std::size_t index = 0;  // in the manifest
  storage::FileState state = storage::FileState::absent;
};

// The files of `manifest` that are not known to be complete; counts the others as reused.
std::vector<PendingFile> pending_files(const source::Manifest& manifest,
                                       const DownloadContext& context);

// The files of one download, from what is found on the volume to what is published there: what is
// missing of them goes to the scheduler, and what has arrived is checked. Thread-safe; what goes
// wrong on a verifier's thread ends the run through the scheduler. All references outlive it.
class Files {
 public:
  Files(const source::Manifest& manifest, const Options& options, const DownloadContext& context,
        Scheduler& scheduler, BlockPool& blocks);
  ~Files() { m_pairs.stop(); }  // while the verifier is there, which they hand work to
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  // Hands what is missing of each file to the scheduler. Reads no content: that is for verifiers.
  void begin(const std::vector<PendingFile>& pending);
  // The file at `index` of the manifest, open for writing.
  [[nodiscard]] FilePtr open(std::size_t index);
  // Does what FileTransfer asked for after a block.
  void advance(std::size_t index, const FilePtr& file, FileTransfer::Next next);
  // Makes durable, and records, what has arrived of all files; throws the first Error only after
  // the last file.
  void sync();

 private:
  void begin_file(const PendingFile& pending);
  void check_found(const PendingFile& pending);
  [[nodiscard]] bool adopt(const PendingFile& pending, const Reading& reading);
  void adopt_or_fetch(const PendingFile& pending, const Reading& reading);
  void resume(std::size_t index);
  void hash(const PairedHashing::File& first, const std::optional<PairedHashing::File>& second);
  void complete(std::size_t index, const FilePtr& file);
  void publish(std::size_t index, const FilePtr& file);
  void fetch_again(std::size_t index, const FilePtr& file);
  void finished(std::size_t index);
  [[nodiscard]] bool journaled(const source::Artifact& artifact) const;
  [[nodiscard]] bool hashed_in_pairs(const source::Artifact& artifact) const;

  const source::Manifest& m_manifest;
  const Options& m_options;
  const DownloadContext& m_context;
  Progress& m_progress;
  Scheduler& m_scheduler;
  BlockPool& m_blocks;
  ActiveFiles m_active;
  std::mutex m_mutex;
  std::set<std::size_t> m_fetched_again;  // guarded by m_mutex
  const bool m_pairs_pay;
  std::atomic<std::size_t> m_open_for_pairs{0};  // files in transfer that may be one of a pair
  VolumeThreads m_publisher;
  PairedHashing m_pairs;
  VolumeThreads m_verifier;  // last: its threads use everything above
};

}  // namespace nai::transfer
