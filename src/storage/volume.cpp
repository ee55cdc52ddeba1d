// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/volume.hpp>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "model_directory.hpp"

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

namespace nai::storage {

namespace {

// root and every directory above one of the files, deepest last.
std::set<std::filesystem::path> directories_of(const std::filesystem::path& root,
                                               const std::vector<std::string>& paths) {
  std::set<std::filesystem::path> result{root};
  for (const std::string& path : paths) {
    for (auto directory = (root / path).parent_path(); directory != root;
         directory = directory.parent_path()) {
      result.insert(directory);
    }
  }
  return result;
}

// Links were made durable when they were made.
std::vector<std::string> with_texts(std::vector<std::string> paths,
                                    const Arrangement& arrangement) {
  for (const ArrangedText& text : arrangement.texts) {
    paths.push_back(text.path);
  }
  return paths;
}

// Those of files that do not belong any more.
void remove_old_trails(const Layout& layout, const std::vector<std::string>& paths) {
  std::set<std::filesystem::path> wanted;
  for (const std::string& path : paths) {
    wanted.insert(layout.digest_trail(path));
  }
  for (const auto& trail : entries_of(layout.digest_trails())) {
    if (!wanted.contains(trail)) {
      std::error_code kept;
      std::filesystem::remove(trail, kept);
    }
  }
}

// The files of the record, with the addresses that `origins` has and the trails that are there.
std::vector<RecordedFile> with_origins(std::vector<RecordedFile> files,
                                       const std::vector<RecordedFile>& origins,
                                       const Layout& layout) {
  std::map<std::string_view, std::string_view> urls;
  for (const RecordedFile& origin : origins) {
    urls.emplace(origin.path, origin.url);
  }
  for (RecordedFile& file : files) {
    const auto url = urls.find(file.path);
    file.url = url == urls.end() ? std::string_view() : url->second;
    const auto trail = layout.digest_trail(file.path);
    std::error_code ignored;
    const bool has_trail = DigestTrail::is_kept_of({file.path, file.size, file.digest}) &&
                           std::filesystem::is_regular_file(trail, ignored);
    file.states = has_trail ? trail.lexically_relative(layout.mount()).string() : std::string();
  }
  return files;
}

}  // namespace

Volume::Volume(std::filesystem::path mount, util::Log& log, std::optional<std::size_t> shard)
    : m_layout(std::move(mount), shard), m_log(log) {}

void Volume::check_mount() const {
  struct stat status {};
  const auto& mount = m_layout.mount();
  if (::stat(mount.c_str(), &status) != 0) {
    const int problem = errno;
    if (problem == ENOENT || problem == ENOTDIR) {
      throw util::Error(util::ErrorKind::usage,
                        fmt::format("OUTPUT_MOUNT (--output-mount) is {}, which does not exist; "
                                    "mount the volume there",
                                    mount.string()));
    }
    throw util::storage_error(fmt::format("cannot use the volume {}", mount.string()), problem);
  }
  if (!S_ISDIR(status.st_mode)) {
    throw util::Error(util::ErrorKind::usage,
                      fmt::format("OUTPUT_MOUNT (--output-mount) is {}, which is not a directory",
                                  mount.string()));
  }
}

void Volume::prepare_state() { util::make_directory(m_layout.state()); }

std::vector<std::filesystem::path> Volume::prepare_directories() {
  std::vector<std::filesystem::path> created;
  for (const auto& directory : {m_layout.model_files(), m_layout.hf_cache()}) {
    if (util::make_directory(directory)) {
      created.push_back(directory);
    }
  }
  util::make_directory(m_layout.work());
  if (::unlink(m_layout.end_mark().c_str()) != 0 && errno != ENOENT) {
    throw util::storage_error(fmt::format("cannot remove {}", m_layout.end_mark().string()), errno);
  }
  return created;
}

bool Volume::work_is_abandoned() const {
  if (util::stat_path(m_layout.end_mark())) {
    return false;
  }
  const auto entries = entries_of(m_layout.work());
  return std::any_of(entries.begin(), entries.end(),
                     [](const auto& path) { return path.extension() == ".part"; });
}

void Volume::note_end() noexcept {
  const int fd = ::open(m_layout.end_mark().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd >= 0) {
    ::close(fd);
  }
}

std::optional<Record> Volume::complete_record() {
  auto record = load_record(m_layout.record(), m_log);
  if (!record) {
    return std::nullopt;
  }
  const auto in_place = [&](const RecordedFile& file) {
    return inventory().state_of({file.path, file.size, file.digest}) == FileState::published;
  };
  const auto missing = std::find_if_not(record->files.begin(), record->files.end(), in_place);
  if (missing == record->files.end()) {
    if (is_arranged(m_layout, record->arrangement)) {
      return record;
    }
    m_log.warning("record_outdated",
                  "links to the files were changed since the volume was completed; they are made "
                  "again");
    return std::nullopt;
  }
  m_log.warning("record_outdated",
                fmt::format("{} is missing or was changed since the volume was completed; it is "
                            "checked again",
                            m_layout.model_file(missing->path).string()),
                {{"path", missing->path}});
  return std::nullopt;
}

void Volume::require_lease() const {
  if (!may_commit()) {
    throw util::Error(util::ErrorKind::volume_busy,
                      fmt::format("the volume {} is another run's now", m_layout.mount().string()));
  }
}

void Volume::begin_changes() {
  require_lease();
  // Kept under another name: it still says which files are ours.
  if (::rename(m_layout.record().c_str(), m_layout.superseded_record().c_str()) == 0) {
    util::sync_directory(m_layout.state());
  } else if (errno != ENOENT) {
    throw util::storage_error(fmt::format("cannot rename {}", m_layout.record().string()), errno);
  }
}

std::optional<std::string> Volume::obstacle_to(std::string_view path) const {
  if (parents_are_directories(m_layout.model_files(), path)) {
    return std::nullopt;
  }
  return util::stat_path(m_layout.model_file(path)) ? "a symbolic link above it" : "nothing";
}

Inventory& Volume::inventory() {
  if (!m_inventory) {
    m_inventory = std::make_unique<Inventory>(m_layout, m_log, [this] { require_lease(); });
  }
  return *m_inventory;
}

std::unique_ptr<PartialFile> Volume::open_partial(const FileIdentity& file, bool journaled,
                                                  std::optional<util::ByteRange> portion,
                                                  std::stop_token stop) {
  return PartialFile::open(m_layout, file,
                           {.journaled = journaled,
                            .portion = portion,
                            .may_write = m_guard.may_write,
                            .may_publish = m_guard.may_commit,
                            .stop = std::move(stop)},
                           m_log);
}

void Volume::publish(PartialFile& partial, const DigestTrail& trail) {
  const FileIdentity& file = partial.identity();
  inventory().clear_way(file.path);
  partial.publish(m_layout);
  inventory().add(file);
  keep_trail(file, trail);
}

std::size_t Volume::finish(Record record, const std::vector<std::string>& paths) {
  require_lease();
  arrange(m_layout, record.arrangement);
  std::size_t removed = 0;
  // What leads to a file goes before the file.
  if (const auto old = load_record(m_layout.superseded_record(), m_log)) {
    require_lease();
    removed += remove_arrangement(m_layout, old->arrangement, record.arrangement);
  }
  removed += inventory().remove_all_but(paths);
  for (const auto& directory :
       directories_of(m_layout.model_files(), with_texts(paths, record.arrangement))) {
    util::sync_directory(directory);
  }
  util::sync_directory(m_layout.mount());
  record.files = with_origins(inventory().entries(paths), record.files, m_layout);
  require_lease();
  save_record(m_layout.record(), record);
  std::error_code ignored;
  std::filesystem::remove(m_layout.superseded_record(), ignored);
  remove_old_trails(m_layout, paths);
  return removed;
}

std::optional<std::uint64_t> Volume::available_bytes() const {
  struct statvfs status {};
  if (::statvfs(m_layout.mount().c_str(), &status) != 0) {
    return std::nullopt;
  }
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace nai::storage
