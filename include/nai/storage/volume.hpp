// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nai/storage/digest_trail.hpp>
#include <nai/storage/hub_cache.hpp>
#include <nai/storage/inventory.hpp>
#include <nai/storage/layout.hpp>
#include <nai/storage/partial_file.hpp>
#include <nai/storage/record.hpp>
#include <nai/util/byte_range.hpp>
#include <nai/util/log.hpp>

namespace nai::storage {

// The mounted volume: the one object through which a run touches it. The constructor touches
// nothing.
class Volume {
 public:
  // `shard`: which of several pods this is, each of which brings a part of the model.
  Volume(std::filesystem::path mount, util::Log& log, std::optional<std::size_t> shard = {});

  [[nodiscard]] const Layout& layout() const { return m_layout; }

  // Throws Error{usage} when the mount is not there or is no directory.
  void check_mount() const;
  // Makes the directory of the lease and the record.
  void prepare_state();
  // Makes model-files and hf_cache; returns those that were not there before, in that order.
  std::vector<std::filesystem::path> prepare_directories();

  // True if there are partial files of a run that did not say that it has ended: it may be alive.
  [[nodiscard]] bool work_is_abandoned() const;
  // Says that this run writes to its partial files no more. prepare_directories() takes it back.
  void note_end() noexcept;

  // The completion record, if the volume holds what it says: every file of the recorded size and
  // modification time.
  [[nodiscard]] std::optional<Record> complete_record();
  // From here on the volume does not count as complete until finish(). Idempotent.
  void begin_changes();
  // The same, and nothing that was noted of the files at `paths` is believed any more: who finds
  // them in place, in this run or a later one, reads them. Durable. Throws Error{storage or
  // no_space}.
  void distrust(const std::vector<std::string>& paths);

  // Who works here under a lease that may be lost. Both are asked on any thread and may block;
  // false ends the run with Error{volume_busy}.
  struct Guard {
    std::function<bool()> may_write;   // before a block is written to a partial file
    std::function<bool()> may_commit;  // before a file appears or is removed, and before the record
  };
  // To be set before any partial file is opened.
  void set_guard(Guard guard) { m_guard = std::move(guard); }

  // What stands where a directory above the file of this path below model-files should be, for
  // people; empty when all of them are directories. Throws Error{storage}.
  [[nodiscard]] std::optional<std::string> obstacle_to(std::string_view path) const;

  // Loaded at first use.
  [[nodiscard]] Inventory& inventory();
  // `portion`: what this shard writes of a file that several write.
  [[nodiscard]] std::unique_ptr<PartialFile> open_partial(
      const FileIdentity& file, bool journaled, std::optional<util::ByteRange> portion = {},
      std::stop_token stop = {});
  // Removes work on other files than these, which nobody needs any more and which takes up space.
  void remove_stale_work(const std::vector<FileIdentity>& files);
  // Makes one journal of those of the shards for each of `files` that they shared, so that it goes
  // on as any other does. Nobody may be writing. Throws Error{storage or no_space}.
  void join_portions(const std::vector<FileIdentity>& files) const;
  // Publishes and notes it, and keeps `trail`.
  void publish(PartialFile& partial, const DigestTrail& trail);
  // What is kept of a file that is in place; without states when that cannot be read.
  [[nodiscard]] DigestTrail trail_of(const FileIdentity& file) const;
  // Keeps the trail of a file that is in place, for verify(); a volume that refuses that much is no
  // reason to fail.
  void keep_trail(const FileIdentity& file, const DigestTrail& trail) const;
  // The trail of a file in progress whose checksum stands at `position`: what is known up to there,
  // from an earlier run or of the file before it was taken back. It is written while it grows.
  // Does not throw: what cannot be read is not known.
  [[nodiscard]] DigestTrail trail_in_progress(const FileIdentity& file,
                                              std::uint64_t position) const;
  // Makes a published file that was found damaged a partial one again, of which all but `damaged`
  // is there, so that a download fetches no more than that. False where that is not possible, and
  // nothing was changed. Throws Error{storage or no_space}.
  [[nodiscard]] bool take_back(const FileIdentity& file,
                               const std::vector<util::ByteRange>& damaged);
  // Removes what is at `path` below model-files, if anything is. Throws Error{storage or
  // volume_busy}.
  void remove_published(const std::string& path) const;

  // What other programs left on the volume. Loaded at first use; thread-safe, as are borrow() and
  // give_back().
  [[nodiscard]] const FoundContent& found_content();
  // Gives found content another name, where nobody else looks, so that what is checked there is
  // what publish_borrowed() publishes. Empty where the file system cannot do that, and when it is
  // gone.
  [[nodiscard]] std::optional<std::filesystem::path> borrow(const std::filesystem::path& found,
                                                            const FileIdentity& file) const;
  // Makes borrowed content durable and moves it to its place below model-files; the caller vouches
  // for the checksum. Keeps `trail`. Throws Error{storage, no_space or volume_busy}.
  void publish_borrowed(const FileIdentity& file, const DigestTrail& trail);
  // Leaves borrowed content where it was found.
  void give_back(const std::filesystem::path& found, const FileIdentity& file) const;

  // Puts the record's arrangement around the files, removes what only earlier revisions had, makes
  // all directories durable, writes the record. `files` in it are filled in here from `paths`; what
  // `record` says of their addresses is kept.
  // Returns the number of files removed, links included.
  std::size_t finish(Record record, const std::vector<std::string>& paths);
  // Removes hf_cache and all below; true if it was there. What cannot be removed (silly-renamed
  // files of NFS) is logged. Stops when the lease is lost: what is there is another run's then.
  bool remove_hf_cache();
  // Removes work in progress only: hf_cache stays.
  void remove_work();

  // Bytes that statvfs calls available to us; advice only, some servers lie.
  [[nodiscard]] std::optional<std::uint64_t> available_bytes() const;

 private:
  bool remove_completely(const std::filesystem::path& directory);
  [[nodiscard]] bool may_commit() const { return !m_guard.may_commit || m_guard.may_commit(); }
  // Throws Error{volume_busy} if not.
  void require_lease() const;

  Layout m_layout;
  util::Log& m_log;
  Guard m_guard;
  std::unique_ptr<Inventory> m_inventory;
  std::once_flag m_found_content_loaded;
  std::unique_ptr<FoundContent> m_found_content;
};

}  // namespace nai::storage
