// SPDX-License-Identifier: Apache-2.0
// Of Volume: a published file that was found damaged.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include <fmt/format.h>

#include <nai/storage/journal.hpp>
#include <nai/storage/volume.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

namespace nai::storage {

namespace {

// What a checkpoint says when all but `damaged` is there.
JournalContent all_but(const std::vector<util::ByteRange>& damaged, const FileIdentity& file,
                       const DigestTrail& trail) {
  util::RangeSet lost;
  for (const auto& range : damaged) {
    lost.add(range);
  }
  JournalContent content;
  for (const auto& range : lost.missing(file.size)) {
    content.durable.add(range);
  }
  for (const auto& state : trail.states()) {
    if (content.durable.contains({0, state.position()})) {
      content.hasher = state;
    }
  }
  return content;
}

}  // namespace

bool Volume::take_back(const FileIdentity& file, const std::vector<util::ByteRange>& damaged) {
  const auto place = m_layout.model_file(file.path);
  const auto status = util::stat_path(place);
  // Another name of it may be somebody else's.
  if (damaged.empty() || !status || !S_ISREG(status->st_mode) || status->st_nlink != 1 ||
      static_cast<std::uint64_t>(status->st_size) != file.size) {
    return false;
  }
  util::make_directory(m_layout.hf_cache());
  util::make_directory(m_layout.work());
  const auto partial = m_layout.partial(file.path, file.digest);
  if (::unlink(partial.c_str()) != 0 && errno != ENOENT) {
    throw util::storage_error(fmt::format("cannot remove {}", partial.string()), errno);
  }
  // A checkpoint without its file is not believed.
  const auto trail = DigestTrail::load(m_layout.digest_trail(file.path), file);
  Journal::create(m_layout.journal(file.path, file.digest), file, all_but(damaged, file, trail));
  require_lease();
  if (::rename(place.c_str(), partial.c_str()) != 0) {
    throw util::storage_error(fmt::format("cannot take {} back", place.string()), errno);
  }
  util::sync_directory(place.parent_path());
  util::sync_directory(m_layout.work());
  return true;
}

}  // namespace nai::storage
