// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/arrangement.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "model_directory.hpp"

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

namespace nai::storage {

namespace {

// Empty when there is no symbolic link.
std::optional<std::string> read_link(const std::filesystem::path& path) {
  std::array<char, PATH_MAX> target{};
  const auto length = ::readlink(path.c_str(), target.data(), target.size());
  return length < 0 ? std::nullopt
                    : std::optional(std::string(target.data(), static_cast<std::size_t>(length)));
}

bool leads_to_file(const std::filesystem::path& link) {
  struct stat status {};
  return ::stat(link.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

void make_link(const Layout& layout, const ArrangedLink& link) {
  const auto path = layout.model_file(link.path);
  make_parent_directories(layout.model_files(), link.path);
  if (read_link(path) != link.target) {
    // Under another name first: a reader sees the old link or the new one.
    auto beside = path;
    beside += ".new";
    static_cast<void>(::unlink(beside.c_str()));
    if (::symlink(link.target.c_str(), beside.c_str()) != 0) {
      const int problem = errno;
      const bool unknown = problem == EPERM || problem == EOPNOTSUPP || problem == ENOSYS;
      throw util::storage_error(
          fmt::format("cannot make the symbolic link {}{}", path.string(),
                      unknown ? ", which a NIM's cache is made of; use a volume that has them, "
                                "such as NFS"
                              : ""),
          problem);
    }
    if (::rename(beside.c_str(), path.c_str()) != 0) {
      const int problem = errno;
      static_cast<void>(::unlink(beside.c_str()));
      throw util::storage_error(fmt::format("cannot put the symbolic link {}", path.string()),
                                problem);
    }
  }
  if (!leads_to_file(path)) {
    throw util::Error(
        util::ErrorKind::storage,
        fmt::format("{} leads to no file; is another process using the volume?", path.string()));
  }
}

bool remove(const Layout& layout, const std::string& path) {
  if (::unlink(layout.model_file(path).c_str()) != 0) {
    if (errno == ENOENT) {
      return false;
    }
    throw util::storage_error(fmt::format("cannot remove {}", layout.model_file(path).string()),
                              errno);
  }
  remove_empty_parents(layout.model_files(), path);
  return true;
}

template <typename Entry>
std::set<std::string_view> paths_of(const std::vector<Entry>& entries) {
  std::set<std::string_view> paths;
  for (const Entry& entry : entries) {
    paths.insert(entry.path);
  }
  return paths;
}

}  // namespace

void arrange(const Layout& layout, const Arrangement& arrangement) {
  for (const std::string& directory : arrangement.directories) {
    make_parent_directories(layout.model_files(), directory + "/.");
  }
  std::set<std::filesystem::path> changed;
  for (const ArrangedLink& link : arrangement.links) {
    make_link(layout, link);
    changed.insert(layout.model_file(link.path).parent_path());
  }
  // Durable before any text says that it is there.
  for (const auto& directory : changed) {
    util::sync_directory(directory);
  }
  for (const ArrangedText& text : arrangement.texts) {
    make_parent_directories(layout.model_files(), text.path);
    const auto path = layout.model_file(text.path);
    if (read_text(path) != text.text) {
      util::replace_file(path, text.text);
    }
  }
}

bool is_arranged(const Layout& layout, const Arrangement& arrangement) {
  const auto& root = layout.model_files();
  return std::all_of(arrangement.links.begin(), arrangement.links.end(),
                     [&](const ArrangedLink& link) {
                       return parents_are_directories(root, link.path) &&
                              read_link(layout.model_file(link.path)) == link.target &&
                              leads_to_file(layout.model_file(link.path));
                     }) &&
         std::all_of(arrangement.texts.begin(), arrangement.texts.end(),
                     [&](const ArrangedText& text) {
                       return parents_are_directories(root, text.path) &&
                              read_text(layout.model_file(text.path)) == text.text;
                     });
}

std::size_t remove_arrangement(const Layout& layout, const Arrangement& old,
                               const Arrangement& now) {
  const auto texts = paths_of(now.texts);
  const auto links = paths_of(now.links);
  const auto& root = layout.model_files();
  std::size_t removed = 0;
  for (const ArrangedText& text : old.texts) {
    if (!texts.contains(text.path) && parents_are_directories(root, text.path) &&
        read_text(layout.model_file(text.path)) == text.text) {
      removed += remove(layout, text.path) ? 1U : 0U;
    }
  }
  for (const ArrangedLink& link : old.links) {
    if (!links.contains(link.path) && parents_are_directories(root, link.path) &&
        read_link(layout.model_file(link.path)) == link.target) {
      removed += remove(layout, link.path) ? 1U : 0U;
    }
  }
  return removed;
}

}  // namespace nai::storage
