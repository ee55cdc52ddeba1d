// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nai/digest/hasher.hpp>
#include <nai/storage/inventory.hpp>
#include <nai/util/byte_range.hpp>
#include <nai/util/file.hpp>
#include <nai/util/log.hpp>

namespace nai::storage {

// A block that reached write() but no sync yet: to be believed only if its content has this
// checksum.
struct JournaledBlock {
  util::ByteRange range;
  std::uint64_t checksum = 0;
};

// What a journal says about a partial file.
struct JournalContent {
  util::RangeSet durable;
  std::vector<JournaledBlock> unsynced;
  std::optional<digest::Hasher> hasher;  // at a position inside `durable`
  // At positions behind that: right if all blocks before them, as this journal noted them, are
  // there. create() leaves them out.
  std::vector<digest::Hasher> early_hashers = {};
};

// The checkpoint of one partial file: a text file that only grows, each line with its own checksum,
// so that a torn or damaged tail costs just that tail. Format in src/README.md. append_block()
// and append_hasher() are thread-safe.
class Journal {
 public:
  // What the journal at `path` says, or why it cannot be used (`discarded`, a phrase for people).
  // Neither when there is none.
  struct Loaded {
    std::optional<JournalContent> content;
    std::string discarded;
  };
  [[nodiscard]] static Loaded load(const std::filesystem::path& path, const FileIdentity& file);

  // Replaces the journal at `path` by one with exactly `content`, durable and atomic, and opens it.
  static std::unique_ptr<Journal> create(const std::filesystem::path& path,
                                         const FileIdentity& file, const JournalContent& content);

  // Notes a written block; not durable.
  void append_block(const JournaledBlock& block);
  // Notes the state of the checksum over blocks that were noted before; not durable.
  void append_hasher(const digest::Hasher& hasher);
  // A position that covers all blocks appended so far.
  [[nodiscard]] std::uint64_t position() const;
  // Notes durably that all blocks noted before `position` are durable, and the state of the
  // checksum.
  void append_sync(std::uint64_t position, const digest::Hasher& hasher);

 private:
  Journal(std::filesystem::path path, util::Fd fd, std::uint64_t size);
  void append(const std::string& line);

  std::filesystem::path m_path;
  util::Fd m_fd;
  mutable std::mutex m_mutex;
  std::uint64_t m_size;
};

// Text form, for tests and the fuzzer: see src/README.md.
[[nodiscard]] Journal::Loaded parse_journal(std::string_view text, const FileIdentity& file);

}  // namespace nai::storage
