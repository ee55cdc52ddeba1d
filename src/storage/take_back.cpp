// SPDX-License-Identifier: Apache-2.0
// Of Volume: published files that were found damaged.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/storage/journal.hpp>
#include <nai/storage/volume.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>
#include <nai/util/json.hpp>
#include <nai/util/text.hpp>
#include "model_directory.hpp"
#include "record_json.hpp"

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

using Paths = std::set<std::string, std::less<>>;

// The lines of a published log that are of other files.
std::string without(const std::string& log, const Paths& paths) {
  std::string text;
  for (const std::string_view line : util::split(log, '\n')) {
    const auto json = util::parse_json(line);
    const auto file = json ? recorded_file_from_json(*json) : std::nullopt;
    if (file && !paths.contains(file->path)) {
      text.append(line).append("\n");
    }
  }
  return text;
}

void remove_from_logs(const Layout& layout, const Paths& paths) {
  for (const auto& path : entries_of(layout.work())) {
    if (path.stem() == Layout::k_published_log) {
      const auto text = util::read_small_file(path, Layout::k_max_published_log_bytes).value_or("");
      util::replace_file(path, without(text, paths));
    }
  }
}

// A hub cache of ours that shares the damaged bytes; the next download makes it again.
void remove_cached_names(const Layout& layout, const std::vector<std::filesystem::path>& found,
                         const struct stat& damaged) {
  std::error_code problem;
  const auto cache = std::filesystem::weakly_canonical(layout.hf_cache(), problem);
  for (const auto& path : found) {
    const auto relative = path.lexically_relative(cache);
    const auto status = util::stat_path(path);
    if (!relative.empty() && *relative.begin() != ".." && status &&
        status->st_ino == damaged.st_ino && status->st_dev == damaged.st_dev) {
      static_cast<void>(::unlink(path.c_str()));
    }
  }
}

}  // namespace

// The new document is there before the old one goes: who comes in between finds the volume as it
// was before.
void Volume::distrust(const std::vector<std::string>& paths) {
  const Paths wrong(paths.begin(), paths.end());
  require_lease();
  auto record = load_record(m_layout.record(), m_log);
  if (!record) {
    record = load_record(m_layout.superseded_record(), m_log);
  }
  if (record) {
    std::erase_if(record->files,
                  [&](const RecordedFile& file) { return wrong.contains(file.path); });
    save_record(m_layout.superseded_record(), *record);
  }
  remove_from_logs(m_layout, wrong);
  require_lease();
  if (::unlink(m_layout.record().c_str()) != 0 && errno != ENOENT) {
    throw util::storage_error(fmt::format("cannot remove {}", m_layout.record().string()), errno);
  }
  util::sync_directory(m_layout.state());
  m_inventory.reset();
}

bool Volume::take_back(const FileIdentity& file, const std::vector<util::ByteRange>& damaged) {
  require_lease();
  const auto place = m_layout.model_file(file.path);
  auto status = util::stat_path(place);
  if (!damaged.empty() && status && S_ISREG(status->st_mode) && status->st_nlink > 1) {
    remove_cached_names(m_layout, found_content().candidates(file), *status);
    status = util::stat_path(place);
  }
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
  Journal::create(m_layout.journal(file.path, file.digest), file,
                  all_but(damaged, file, trail_of(file)));
  require_lease();
  if (::rename(place.c_str(), partial.c_str()) != 0) {
    throw util::storage_error(fmt::format("cannot take {} back", place.string()), errno);
  }
  util::sync_directory(place.parent_path());
  util::sync_directory(m_layout.work());
  return true;
}

void Volume::remove_published(const std::string& path) const {
  require_lease();
  const auto place = m_layout.model_file(path);
  if (::unlink(place.c_str()) != 0 && errno != ENOENT) {
    throw util::storage_error(fmt::format("cannot remove {}", place.string()), errno);
  }
}

}  // namespace nai::storage
