// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/partial_file.hpp>

#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <nai/digest/block_checksum.hpp>
#include <nai/util/error.hpp>
#include <nai/util/units.hpp>
#include "content_file.hpp"
#include "discarded.hpp"
#include "model_directory.hpp"
#include "write_gate.hpp"

namespace nai::storage {

namespace {

// A sync that finds a longer journal makes it short again: a line stands for a block, which on a
// slow network may be as small as 64 KiB.
constexpr std::uint64_t k_compact_journal_bytes = std::uint64_t{1} << 20U;

bool checksum_fits(const ContentFile& content, const JournaledBlock& block) {
  std::vector<std::byte> data(block.range.length);
  return content.read(data, block.range.offset) == data.size() &&
         digest::block_checksum(data) == block.checksum;
}

void remove_name(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    throw util::storage_error(fmt::format("cannot remove {}", path.string()), errno);
  }
}

// What of it is about `portion`; the rest is another shard's to know.
void keep_within(const util::ByteRange& portion, JournalContent& content) {
  content.durable = content.durable.within(portion);
  std::erase_if(content.unsynced, [&](const JournaledBlock& block) {
    return block.range.offset < portion.offset || block.range.end() > portion.end();
  });
  if (content.hasher && !content.durable.contains({0, content.hasher->position()})) {
    content.hasher.reset();
  }
}

// The furthest state of the checksum over what is there.
std::optional<digest::Hasher> furthest(const JournalContent& content,
                                       const util::RangeSet& present) {
  std::optional<digest::Hasher> best = content.hasher;
  for (const digest::Hasher& hasher : content.early_hashers) {
    if (present.contains({0, hasher.position()}) &&
        (!best || best->position() < hasher.position())) {
      best = hasher;
    }
  }
  return best;
}

bool has_size(const ContentFile& content, std::uint64_t size) {
  return static_cast<std::uint64_t>(content.status().st_size) == size;
}

}  // namespace

PartialFile::PartialFile(const Layout& layout, FileIdentity file, Options options)
    : m_file(std::move(file)),
      m_path(layout.partial(m_file.path, m_file.digest)),
      m_whole_journal_path(layout.journal(m_file.path, m_file.digest)),
      m_journal_path(options.portion ? layout.portion_journal(m_file.path, m_file.digest)
                                     : m_whole_journal_path),
      m_options(std::move(options)),
      m_hasher(m_file.digest.algorithm(), m_file.size),
      m_write_gate(std::make_unique<WriteGate>()) {}

PartialFile::~PartialFile() = default;

std::unique_ptr<PartialFile> PartialFile::open(const Layout& layout, const FileIdentity& file,
                                               Options options, util::Log& log) {
  std::unique_ptr<PartialFile> partial(new PartialFile(layout, file, std::move(options)));
  if (partial->m_options.journaled && partial->restore(log)) {
    return partial;
  }
  partial->start_afresh();
  return partial;
}

// A portion that nobody began may have been fetched by a run that had the whole file to itself, and
// the journal of this shard may be of a time when there was another number of them.
Journal::Loaded PartialFile::load_journal() const {
  Journal::Loaded loaded = Journal::load(m_journal_path, m_file);
  if (!m_options.portion) {
    return loaded;
  }
  if (!loaded.content) {
    loaded = Journal::load(m_whole_journal_path, m_file);
  }
  if (loaded.content) {
    keep_within(*m_options.portion, *loaded.content);
  }
  return loaded;
}

bool PartialFile::restore(util::Log& log) {
  Journal::Loaded loaded = load_journal();
  auto existing = ContentFile::open(m_path, ContentFile::Way::direct);
  if (loaded.content && existing && !has_size(*existing, m_file.size)) {
    loaded.content.reset();
    loaded.discarded = "the partial file beside it has another size";
  }
  if (!loaded.content || !existing) {
    if (!loaded.discarded.empty()) {
      tell_discarded(m_file.path, loaded.discarded, log);
    }
    return false;
  }
  m_content = std::move(existing);
  // An error that nobody was told of yet is the earlier run's: NFS tells it to the first who comes
  // after. What that run wrote after its last sync is not to be believed then.
  try {
    m_content->sync();
  } catch (const util::Error&) {
    loaded.content->unsynced.clear();
  }
  std::erase_if(loaded.content->unsynced, [&](const JournaledBlock& block) {
    if (m_options.stop.stop_requested()) {
      throw util::Error(util::ErrorKind::interrupted, "interrupted while reading back");
    }
    return !checksum_fits(*m_content, block);
  });
  m_present = loaded.content->durable;
  for (const JournaledBlock& block : loaded.content->unsynced) {
    m_present.add(block.range);
    m_unsynced_bytes += block.range.length;
  }
  loaded.content->hasher = furthest(*loaded.content, m_present);
  refuse_unless(m_options.may_write);
  m_journal = Journal::create(m_journal_path, m_file, *loaded.content);
  if (loaded.content->hasher) {
    m_hasher = std::move(*loaded.content->hasher);
    m_recorded_position = m_hasher.position();
  }
  return true;
}

void PartialFile::start_afresh() {
  refuse_unless(m_options.may_write);
  // The journal goes first: it must never stand beside content that it does not describe.
  m_journal.reset();
  remove_name(m_journal_path);
  make_content();
  m_present = {};
  m_unsynced_bytes = 0;
  m_recorded_position = 0;
  m_hasher = digest::Hasher(m_file.digest.algorithm(), m_file.size);
  if (m_options.journaled) {
    m_journal = Journal::create(m_journal_path, m_file, {});
  }
}

void PartialFile::make_content() {
  if (m_options.portion) {
    const auto found = util::stat_path(m_path);
    if (!found || static_cast<std::uint64_t>(found->st_size) != m_file.size) {
      remove_name(m_whole_journal_path);
    }
    m_content = ContentFile::share(m_path, m_file.size);
    return;
  }
  // A new inode: whoever may still write to the old one does not reach this file.
  remove_name(m_path);
  m_content = ContentFile::create(
      m_path, m_file.size,
      m_options.journaled ? ContentFile::Way::direct : ContentFile::Way::buffered);
}

util::RangeSet PartialFile::present() const {
  const std::scoped_lock lock(m_mutex);
  return m_present;
}

std::uint64_t PartialFile::contiguous_end(std::uint64_t offset) const {
  const std::scoped_lock lock(m_mutex);
  return m_present.contiguous_end(offset);
}

void PartialFile::write(std::span<const std::byte> data, std::uint64_t offset,
                        std::uint64_t checksum) {
  const util::ByteRange range{offset, data.size()};
  const WriteGate::Pass inside(*m_write_gate);
  refuse_after_failure();
  try {
    refuse_unless(m_options.may_write);
    m_content->write(data, offset);
    if (m_journal) {
      m_journal->append_block({range, checksum});
    }
  } catch (...) {
    note_failure();
    throw;
  }
  m_unsynced_bytes += data.size();
  const std::scoped_lock lock(m_mutex);
  m_present.add(range);
}

bool PartialFile::is_direct() const { return m_content->is_direct(); }

void PartialFile::read(std::span<std::byte> data, std::uint64_t offset) const {
  if (m_content->read(data, offset) != data.size()) {
    throw util::Error(util::ErrorKind::storage,
                      fmt::format("cannot read back {}: it is shorter than what was written to it",
                                  m_path.string()));
  }
}

void PartialFile::note(const digest::Hasher& verified) {
  const WriteGate::Pass inside(*m_write_gate);
  if (!m_journal) {
    return;
  }
  refuse_after_failure();
  try {
    refuse_unless(m_options.may_write);
    m_journal->append_hasher(verified);
  } catch (...) {
    note_failure();
    throw;
  }
}

void PartialFile::sync(const digest::Hasher& verified) {
  if (!m_journal || (m_unsynced_bytes == 0 && verified.position() == m_recorded_position)) {
    return;
  }
  refuse_after_failure();
  const std::uint64_t covered_bytes = m_unsynced_bytes;
  const std::uint64_t covered = m_journal->position();
  sync_content();
  try {
    m_journal->append_sync(covered, verified);
  } catch (...) {
    note_failure();
    throw;
  }
  m_unsynced_bytes -= covered_bytes;
  m_recorded_position = verified.position();
  if (m_journal->position() > k_compact_journal_bytes) {
    compact_journal(verified);
  }
}

// Replaces the lines of single blocks by ranges. Writers wait, so that everything present is
// durable for a moment.
void PartialFile::compact_journal(const digest::Hasher& verified) {
  const WriteGate::Closure closed(*m_write_gate);
  refuse_after_failure();
  try {
    m_content->sync();
    refuse_unless(m_options.may_write);
    const std::scoped_lock lock(m_mutex);
    m_journal = Journal::create(m_journal_path, m_file,
                                {.durable = m_present, .unsynced = {}, .hasher = verified});
    m_unsynced_bytes = 0;
  } catch (...) {
    note_failure();
    throw;
  }
}

void PartialFile::sync_content() {
  try {
    m_content->sync();
  } catch (...) {
    note_failure();
    throw;
  }
  // The failure of a write that was under way must be known here: the kernel may have told it of a
  // lost write and then told fdatasync that all is well.
  m_write_gate->wait_for_writers();
  refuse_after_failure();
}

void PartialFile::reset() {
  const WriteGate::Closure closed(*m_write_gate);
  const std::scoped_lock lock(m_mutex);
  refuse_after_failure();
  start_afresh();
}

// In a catch block. The first failure is the cause; what fails after it is a consequence.
void PartialFile::note_failure() {
  const std::scoped_lock lock(m_failure_mutex);
  if (!m_failure) {
    m_failure = std::current_exception();
  }
  m_failed = true;
}

void PartialFile::refuse_after_failure() const {
  if (m_failed) {
    const std::scoped_lock lock(m_failure_mutex);
    std::rethrow_exception(m_failure);
  }
}

// A process that was paused does not know that its volume is another's now, whose verified content
// it would write over, and whose partial file and journal it would replace.
void PartialFile::refuse_unless(const std::function<bool()>& allowed) const {
  if (allowed && !allowed()) {
    throw util::Error(util::ErrorKind::volume_busy,
                      fmt::format("cannot write {}: the volume is another run's", m_path.string()));
  }
}

void PartialFile::seal(const digest::Hasher& verified) {
  refuse_unless(m_options.may_write);
  sync(verified);
  refuse_if_replaced();
}

void PartialFile::publish(const Layout& layout) {
  refuse_after_failure();
  refuse_unless(m_options.may_write);
  m_content->make_readable_by_all();  // readers run under other user ids
  sync_content();
  refuse_if_replaced();
  make_parent_directories(layout.model_files(), m_file.path);
  const auto target = layout.model_file(m_file.path);
  refuse_unless(m_options.may_publish);  // making it durable may have taken long
  if (::rename(m_path.c_str(), target.c_str()) != 0) {
    throw util::storage_error(fmt::format("cannot move a verified file to {}", target.string()),
                              errno);
  }
  if (m_journal) {
    util::sync_directory(target.parent_path());
    m_journal.reset();
    static_cast<void>(::unlink(m_journal_path.c_str()));
  }
}

// On NFS v3 writes to a file that another client removed succeed until the end, and a rename by
// another client leaves us writing to a file of another name.
void PartialFile::refuse_if_replaced() {
  const struct stat open_file = m_content->status();
  const auto by_name = util::stat_path(m_path);
  if (!by_name || by_name->st_ino != open_file.st_ino || by_name->st_dev != open_file.st_dev ||
      static_cast<std::uint64_t>(by_name->st_size) != m_file.size) {
    // The next run would believe of what lies there now what the journal says of our own; unless
    // that is at work already, with a journal of its own.
    refuse_unless(m_options.may_publish);
    m_journal.reset();
    remove_name(m_journal_path);
    throw util::Error(
        util::ErrorKind::storage,
        fmt::format("cannot publish {}: {} was removed or replaced while it was being "
                    "written; is another process using the volume?",
                    m_file.path, m_path.string()));
  }
}

}  // namespace nai::storage
