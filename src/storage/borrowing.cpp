// SPDX-License-Identifier: Apache-2.0
// Of Volume: content that is already somewhere else on the volume.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <mutex>
#include <system_error>

#include <fmt/format.h>

#include "model_directory.hpp"

#include <nai/storage/local_metadata.hpp>
#include <nai/storage/volume.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

namespace nai::storage {

namespace {

// What is in hf_cache goes at the end, and an unfinished download is nobody's any more.
bool may_move(const Layout& layout, const std::filesystem::path& found) {
  const auto below = [&](const std::filesystem::path& directory) {
    std::error_code problem;
    return found.lexically_relative(std::filesystem::weakly_canonical(directory, problem));
  };
  const auto in_cache = below(layout.hf_cache());
  return (!in_cache.empty() && *in_cache.begin() != "..") ||
         is_local_metadata(below(layout.model_files()).string());
}

}  // namespace

const FoundContent& Volume::found_content() {
  std::call_once(m_found_content_loaded,
                 [&] { m_found_content = std::make_unique<FoundContent>(m_layout); });
  return *m_found_content;
}

std::optional<std::filesystem::path> Volume::borrow(const std::filesystem::path& found,
                                                    const FileIdentity& file) const {
  const auto name = m_layout.borrowed(file.path, file.digest);
  const auto here = util::stat_path(name);
  const auto there = util::stat_path(found);
  if (here && there && here->st_ino == there->st_ino && here->st_dev == there->st_dev) {
    return name;  // an earlier run was about to look at it
  }
  static_cast<void>(::unlink(name.c_str()));
  if (::link(found.c_str(), name.c_str()) == 0) {
    return name;
  }
  const int problem = errno;
  if (problem != ENOENT && may_move(m_layout, found) &&
      ::rename(found.c_str(), name.c_str()) == 0) {
    return name;
  }
  m_log.debug("not_borrowed",
              util::storage_error(fmt::format("cannot use {}", found.string()), problem).what());
  return std::nullopt;
}

void Volume::give_back(const std::filesystem::path& found, const FileIdentity& file) const {
  const auto name = m_layout.borrowed(file.path, file.digest);
  if (util::stat_path(found)) {
    static_cast<void>(::unlink(name.c_str()));
  } else {
    static_cast<void>(::rename(name.c_str(), found.c_str()));
  }
}

void Volume::publish_borrowed(const FileIdentity& file, const DigestTrail& trail) {
  const auto name = m_layout.borrowed(file.path, file.digest);
  {
    const auto fd = util::open_file(name, O_RDONLY | O_NOFOLLOW);
    static_cast<void>(::fchmod(fd.get(), 0644));  // readers run under other user ids
    util::sync_data(fd, name);                    // nobody else did
  }
  inventory().clear_way(file.path);
  make_parent_directories(m_layout.model_files(), file.path);
  const auto target = m_layout.model_file(file.path);
  require_lease();
  if (::rename(name.c_str(), target.c_str()) != 0) {
    throw util::storage_error(fmt::format("cannot move a verified file to {}", target.string()),
                              errno);
  }
  util::sync_directory(target.parent_path());
  inventory().add(file);
  keep_trail(file, trail);
}

}  // namespace nai::storage
