// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>

#include <nai/digest/hasher.hpp>
#include <nai/storage/inventory.hpp>
#include <nai/storage/journal.hpp>
#include <nai/util/byte_range.hpp>
#include <nai/util/file.hpp>

namespace nai::storage {

class ContentFile;
class WriteGate;

// A file on its way: content in `<id>.part`, what is known about it in `<id>.journal`, both below
// hf_cache/work. Several shards may write one file, each a portion of it: the content is shared
// then, and each has a journal of its own, `<id>.journal.<shard>`.
//
// Durability: a byte counts as durable only after an fdatasync that returned 0 on a descriptor that
// had seen no error until then. After the first failed write or sync every further call fails with
// that first error: the kernel reports a lost write once and then pretends that all is well (seen
// on NFS v3 and v4.2).
class PartialFile {
 public:
  struct Options {
    bool journaled = true;  // false for files so small that fetching them again is cheaper
    std::optional<util::ByteRange> portion = {};  // all that is written here; needs a journal
    std::function<bool()> may_write = {};         // asked before each block
    std::function<bool()> may_publish = {};       // asked right before the file appears
    std::stop_token stop = {};                    // ends reading back what an earlier run wrote
  };

  // Opens what an earlier run left, if its journal fits `file`, or starts afresh. Ranges that the
  // journal calls durable are trusted; blocks written after the last sync are read and compared
  // with their checksums. Throws Error{storage or no_space}, Error{interrupted} on `stop`.
  static std::unique_ptr<PartialFile> open(const Layout& layout, const FileIdentity& file,
                                           Options options, util::Log& log);

  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  [[nodiscard]] const FileIdentity& identity() const { return m_file; }
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  // What is on disk now. Thread-safe.
  [[nodiscard]] util::RangeSet present() const;
  [[nodiscard]] std::uint64_t contiguous_end(std::uint64_t offset) const;
  // The checksum as far as the journal had it when the file was opened, or at nothing after
  // reset().
  [[nodiscard]] const digest::Hasher& hasher() const { return m_hasher; }

  // Writes a block and notes it with its block_checksum(). Thread-safe for disjoint blocks.
  void write(std::span<const std::byte> data, std::uint64_t offset, std::uint64_t checksum);
  // Whether blocks go past the page cache, so that reading one back asks the disk.
  [[nodiscard]] bool is_direct() const;
  // Reads back what write() wrote; throws storage when the file ends early.
  void read(std::span<std::byte> data, std::uint64_t offset) const;
  // Notes the checksum's state over what was written, so that a run after a kill needs not hash
  // that again. Makes nothing durable. Thread-safe against write() and sync().
  void note(const digest::Hasher& verified);
  // Makes everything written before the call durable and notes that, with the checksum's state.
  // Does nothing when there is nothing new. Thread-safe against write(), not against itself.
  void sync(const digest::Hasher& verified);
  // Bytes written since the last sync.
  [[nodiscard]] std::uint64_t unsynced_bytes() const { return m_unsynced_bytes; }
  // Forgets all content and starts again at nothing. Not for a portion.
  void reset();
  // Makes a portion durable, all of which is there; the file stays as it is.
  void seal(const digest::Hasher& verified);

  // Makes the content durable and moves it to its place below model-files, replacing what is there.
  // The caller vouches for the checksum. Parent directories are made; a symbolic link among them is
  // an error.
  void publish(const Layout& layout);

 private:
  PartialFile(const Layout& layout, FileIdentity file, Options options);
  [[nodiscard]] Journal::Loaded load_journal() const;
  bool restore(util::Log& log);
  void start_afresh();
  void make_content();
  void sync_content();
  void compact_journal(const digest::Hasher& verified);
  void note_failure();
  void refuse_after_failure() const;
  void refuse_unless(const std::function<bool()>& allowed) const;
  void refuse_if_replaced();

  FileIdentity m_file;
  std::filesystem::path m_path;
  std::filesystem::path m_whole_journal_path;  // of the file
  std::filesystem::path m_journal_path;        // the same, but for a portion
  const Options m_options;
  std::unique_ptr<ContentFile> m_content;
  std::unique_ptr<Journal> m_journal;  // null when not journaled
  digest::Hasher m_hasher;
  mutable std::mutex m_mutex;  // guards m_present
  util::RangeSet m_present;
  std::atomic<std::uint64_t> m_unsynced_bytes{0};
  std::uint64_t m_recorded_position = 0;  // of the checksum, in the journal; used by sync() only
  // Writers are inside. After fdatasync sync() waits for them, to learn of every write that failed
  // before that returned.
  std::unique_ptr<WriteGate> m_write_gate;
  std::atomic<bool> m_failed{false};
  mutable std::mutex m_failure_mutex;  // guards m_failure
  std::exception_ptr m_failure;        // set before m_failed
};

}  // namespace nai::storage
