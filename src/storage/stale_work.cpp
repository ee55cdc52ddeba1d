// SPDX-License-Identifier: Apache-2.0
// Of Volume: what is removed because nobody works on it any more.
#include <unistd.h>

#include <map>
#include <set>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include <nai/storage/journal.hpp>
#include <nai/storage/volume.hpp>
#include <nai/util/file.hpp>
#include "discarded.hpp"
#include "model_directory.hpp"

namespace nai::storage {

namespace {

namespace fs = std::filesystem;

// The name without its ending, and that of a shard: that of the file which is worked on. Empty for
// other names.
std::string subject_of(const fs::path& path) {
  fs::path name = path.filename();
  const std::string shard = name.extension().string();
  if (shard.size() > 1 && shard.find_first_not_of("0123456789", 1) == std::string::npos) {
    name = name.stem();
  }
  const auto ending = name.extension();
  return ending == ".part" || ending == ".journal" || ending == ".found" ? name.stem().string()
                                                                         : std::string();
}

// The same without the checksum: all work on files of that path.
std::string place_of(const std::string& subject) { return subject.substr(0, subject.rfind('.')); }

// Everything below, each behind what it contains. Links are not followed.
std::vector<fs::path> contents_of(const fs::path& directory) {
  std::vector<fs::path> contents;
  std::error_code problem;
  if (!fs::is_directory(fs::symlink_status(directory, problem))) {
    return contents;
  }
  for (fs::recursive_directory_iterator entry(directory, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    contents.push_back(entry->path());
  }
  return {contents.rbegin(), contents.rend()};
}

}  // namespace

void Volume::remove_stale_work(const std::vector<FileIdentity>& files) {
  std::set<std::string> wanted;
  std::map<std::string, const FileIdentity*> by_place;
  for (const FileIdentity& file : files) {
    const auto subject = subject_of(m_layout.partial(file.path, file.digest));
    wanted.insert(subject);
    by_place.emplace(place_of(subject), &file);
  }
  const bool alone = !m_layout.shard();  // else drafts may be another pod's, which lives
  std::vector<fs::path> stale;
  for (const fs::path& entry : entries_of(m_layout.work())) {
    const std::string subject = subject_of(entry);
    if (util::is_draft_of_another(entry) ? alone : !subject.empty() && !wanted.contains(subject)) {
      stale.push_back(entry);
    }
  }
  for (const auto& directory : {m_layout.state(), m_layout.digest_trails()}) {
    for (const fs::path& entry : entries_of(directory)) {
      if (alone && util::is_draft_of_another(entry)) {
        stale.push_back(entry);
      }
    }
  }
  for (const fs::path& path : stale) {
    require_lease();
    const auto file = by_place.find(place_of(subject_of(path)));
    if (path.extension() == ".journal" && file != by_place.end()) {
      const auto loaded = Journal::load(path, *file->second);
      tell_discarded(file->second->path, loaded.discarded, m_log);
    }
    m_log.debug("stale_work_removed",
                fmt::format("removing {}, which is of no use any more", path.string()));
    static_cast<void>(::unlink(path.c_str()));
  }
}

bool Volume::remove_hf_cache() { return remove_completely(m_layout.hf_cache()); }

void Volume::remove_work() { static_cast<void>(remove_completely(m_layout.work())); }

// One by one: a run that was paused on the way must not go on with what its successor made.
bool Volume::remove_completely(const fs::path& directory) {
  // Let go of the published log first: NFS keeps the name of an open file.
  m_inventory.reset();
  std::error_code first;
  bool existed = false;
  auto paths = contents_of(directory);
  paths.push_back(directory);
  for (const fs::path& path : paths) {
    if (!may_commit()) {
      return existed;
    }
    std::error_code problem;
    existed = fs::remove(path, problem) || existed;
    first = first ? first : problem;
  }
  if (first) {
    m_log.warning("hf_cache_kept",
                  fmt::format("cannot remove {} completely: {}; it does no harm and can be deleted",
                              directory.string(), first.message()),
                  {{"path", directory.string()}, {"reason", first.message()}});
  }
  return existed;
}

}  // namespace nai::storage
