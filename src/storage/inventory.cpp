// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/inventory.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model_directory.hpp"
#include "record_json.hpp"

#include <nai/util/error.hpp>
#include <nai/util/json.hpp>
#include <nai/util/text.hpp>

namespace nai::storage {

namespace {

std::int64_t modified_ns(const struct stat& status) {
  return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec;
}

}  // namespace

Inventory::Inventory(const Layout& layout, util::Log& log, std::function<void()> before_removal)
    : m_layout(layout), m_log(log), m_before_removal(std::move(before_removal)) {
  // Oldest first: what was noted later is truer.
  for (const auto& path : {layout.superseded_record(), layout.record()}) {
    if (auto record = load_record(path, log)) {
      for (RecordedFile& file : record->files) {
        std::string name = file.path;
        m_files.insert_or_assign(std::move(name), std::move(file));
      }
    }
  }
  load_published_logs();
}

// Also those of shards: whoever verified a file, it is verified.
void Inventory::load_published_logs() {
  for (const auto& path : entries_of(m_layout.work())) {
    if (path.stem() != Layout::k_published_log) {
      continue;
    }
    try {
      load_published_log(path);
    } catch (const util::Error& error) {
      m_log.debug("published_log_failed", error.what());
    }
  }
}

void Inventory::load_published_log(const std::filesystem::path& path) {
  const auto text = util::read_small_file(path, Layout::k_max_published_log_bytes).value_or("");
  for (const std::string_view line : util::split(text, '\n')) {
    const auto json = util::parse_json(line);
    if (auto file = json ? recorded_file_from_json(*json) : std::nullopt) {
      std::string name = file->path;
      m_files.insert_or_assign(std::move(name), std::move(*file));
    }
  }
}

std::optional<RecordedFile> Inventory::describe(const FileIdentity& file) const {
  if (!parents_are_directories(m_layout.model_files(), file.path)) {
    return std::nullopt;
  }
  const auto status = util::stat_path(m_layout.model_file(file.path));
  if (!status || !S_ISREG(status->st_mode) ||
      static_cast<std::uint64_t>(status->st_size) != file.size) {
    return std::nullopt;
  }
  return RecordedFile{file.path, file.size, file.digest, modified_ns(*status)};
}

FileState Inventory::state_of(const FileIdentity& file) const {
  const auto now = describe(file);
  if (!now) {
    return FileState::absent;
  }
  const std::scoped_lock lock(m_mutex);
  const auto known = m_files.find(file.path);
  if (known == m_files.end() || known->second.modified_ns != now->modified_ns ||
      known->second.size != file.size) {
    // Reading a file that has no checksum tells nothing of it.
    return digest::proves_content(file.digest.algorithm()) ? FileState::candidate
                                                           : FileState::absent;
  }
  return known->second.digest == file.digest ? FileState::published : FileState::absent;
}

void Inventory::add(const FileIdentity& file) {
  auto entry = describe(file);
  if (!entry) {
    throw util::Error(
        util::ErrorKind::storage,
        fmt::format("{} disappeared after it was published; is another process using the volume?",
                    m_layout.model_file(file.path).string()));
  }
  const std::string line = "\n" + to_json(*entry).dump() + "\n";
  const std::scoped_lock lock(m_mutex);
  append_to_published_log(line);
  m_files.insert_or_assign(file.path, std::move(*entry));
}

// The log saves a later run from reading files again. Losing it costs just that, so it is not
// synced, and a run does not fail for it: an error met here may well be an earlier run's, of which
// NFS tells the first who comes after.
void Inventory::append_to_published_log(const std::string& line) {
  if (m_published_log_failed) {
    return;
  }
  try {
    if (!m_published_log) {
      m_published_log = util::open_file(m_layout.published_log(), O_WRONLY | O_CREAT | O_NOFOLLOW);
      const auto status = util::stat_path(m_layout.published_log());
      m_published_log_size = status ? static_cast<std::uint64_t>(status->st_size) : 0;
    }
    util::write_all_at(m_published_log, std::as_bytes(std::span(line)), m_published_log_size,
                       m_layout.published_log());
    m_published_log_size += line.size();
  } catch (const util::Error& error) {
    m_published_log_failed = true;
    m_log.debug("published_log_failed", error.what());
  }
}

void Inventory::clear_way(std::string_view path) {
  const std::scoped_lock lock(m_mutex);
  // Files of ours where a directory must be now.
  for (auto slash = path.find('/'); slash != std::string_view::npos;
       slash = path.find('/', slash + 1)) {
    if (const auto found = m_files.find(path.substr(0, slash)); found != m_files.end()) {
      remove_if_unchanged(found->second);
      m_files.erase(found);
    }
  }
  // Files of ours below what must be a file now.
  const std::string below = std::string(path) + "/";
  for (auto it = m_files.lower_bound(below);
       it != m_files.end() && std::string_view(it->first).starts_with(below);) {
    remove_if_unchanged(it->second);
    it = m_files.erase(it);
  }
}

bool Inventory::remove_if_unchanged(const RecordedFile& file) const {
  const auto now = describe({file.path, file.size, file.digest});
  const auto path = m_layout.model_file(file.path);
  if (!now || now->modified_ns != file.modified_ns) {
    if (util::stat_path(path)) {
      m_log.warning("changed_file_kept",
                    fmt::format("{} does not belong to this revision, but was changed since it was "
                                "downloaded; it stays",
                                path.string()),
                    {{"path", file.path}});
    }
    return false;
  }
  if (m_before_removal) {
    m_before_removal();
  }
  if (::unlink(path.c_str()) != 0) {
    throw util::storage_error(fmt::format("cannot remove {}", path.string()), errno);
  }
  remove_empty_parents(m_layout.model_files(), file.path);
  return true;
}

std::size_t Inventory::remove_all_but(const std::vector<std::string>& wanted) {
  const std::set<std::string_view> keep(wanted.begin(), wanted.end());
  const std::scoped_lock lock(m_mutex);
  std::size_t removed = 0;
  for (auto it = m_files.begin(); it != m_files.end();) {
    if (keep.contains(it->first)) {
      ++it;
      continue;
    }
    removed += remove_if_unchanged(it->second) ? 1U : 0U;
    it = m_files.erase(it);
  }
  return removed;
}

std::vector<RecordedFile> Inventory::entries(const std::vector<std::string>& paths) const {
  const std::scoped_lock lock(m_mutex);
  std::vector<RecordedFile> result;
  result.reserve(paths.size());
  for (const std::string& path : paths) {
    const auto found = m_files.find(path);
    if (found == m_files.end()) {
      throw util::Error(util::ErrorKind::internal, path + " was never published");
    }
    result.push_back(found->second);
  }
  return result;
}

}  // namespace nai::storage
