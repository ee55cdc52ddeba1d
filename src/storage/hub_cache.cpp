// SPDX-License-Identifier: Apache-2.0
// build_hub_cache() of hub_cache.hpp.
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "model_directory.hpp"

#include <nai/storage/hub_cache.hpp>
#include <nai/storage/local_metadata.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

namespace nai::storage {

namespace {

namespace fs = std::filesystem;

std::string folder_of(std::string_view repository) {
  std::string name = "models--";
  for (const char c : repository) {
    name += c == '/' ? std::string("--") : std::string(1, c);
  }
  return name;
}

bool same_file(const fs::path& a, const fs::path& b) {
  const auto one = util::stat_path(a);
  const auto other = util::stat_path(b);
  return one && other && one->st_ino == other->st_ino && one->st_dev == other->st_dev;
}

bool leads_to(const fs::path& link, const fs::path& target) {
  std::error_code problem;
  return fs::read_symlink(link, problem) == target && !problem;
}

bool unknown_to_file_system(int problem) {
  return problem == EPERM || problem == EOPNOTSUPP || problem == ENOSYS || problem == EMLINK ||
         problem == EXDEV;
}

// Another name for `file` at `place`: by the first of the two ways that the file system knows.
struct Name {
  fs::path place;
  fs::path file;
  bool hard_first = true;
};

int make_name(const Name& name, const fs::path& at, bool hard) {
  const fs::path target = name.file.lexically_relative(name.place.parent_path());
  const int result =
      hard ? ::link(name.file.c_str(), at.c_str()) : ::symlink(target.c_str(), at.c_str());
  return result == 0 ? 0 : errno;
}

bool is_made(const Name& name) {
  return same_file(name.place, name.file) ||
         leads_to(name.place, name.file.lexically_relative(name.place.parent_path()));
}

// A reader sees what was there before or what is there now.
void put_name(const Name& name) {
  if (is_made(name)) {
    return;
  }
  // What the Hub's tools take for waste, should it stay; a name of its own, because the file's may
  // be as long as names can be.
  const fs::path beside = name.place.parent_path() / "0000aaaa.incomplete";
  static_cast<void>(::unlink(beside.c_str()));
  int problem = make_name(name, beside, name.hard_first);
  if (problem != 0 && unknown_to_file_system(problem)) {
    problem = make_name(name, beside, !name.hard_first);
  }
  if (problem == 0 && ::rename(beside.c_str(), name.place.c_str()) != 0) {
    problem = errno;
    static_cast<void>(::unlink(beside.c_str()));
  }
  if (problem != 0) {
    throw util::storage_error(
        fmt::format("cannot make the link {} that KEEP_HF_CACHE needs", name.place.string()),
        problem);
  }
}

// Removes what `keep` refuses of the entries of a directory; what cannot be removed does no harm.
void prune(const fs::path& directory, const std::function<bool(const fs::path&)>& keep) {
  std::error_code problem;
  std::vector<fs::path> others;
  for (fs::directory_iterator entry(directory, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    if (!keep(entry->path())) {
      others.push_back(entry->path());
    }
  }
  for (const fs::path& other : others) {
    fs::remove_all(other, problem);
  }
}

// References to commits that are not there make the whole repository count as damaged.
void prune_refs(const fs::path& refs, const std::string& commit) {
  std::error_code problem;
  std::vector<fs::path> others;
  for (fs::recursive_directory_iterator entry(refs, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    if (!fs::is_directory(entry->symlink_status(problem)) && read_text(entry->path()) != commit) {
      others.push_back(entry->path());
    }
  }
  for (const fs::path& other : others) {
    static_cast<void>(::unlink(other.c_str()));
  }
}

bool usable_as_path(const std::string& ref) {
  const fs::path path(ref);
  return !ref.empty() && path.is_relative() && path.lexically_normal() == path &&
         path.has_filename() && *path.begin() != "..";
}

class HubCache {
 public:
  HubCache(const Layout& layout, const HubSnapshot& snapshot)
      : m_layout(layout),
        m_snapshot(snapshot),
        m_root(layout.hf_cache() / folder_of(snapshot.repository)) {}

  void build(const std::vector<RecordedFile>& files) {
    for (const auto& directory : {m_root, m_root / "blobs", m_root / "refs", m_root / "snapshots",
                                  m_root / "snapshots" / m_snapshot.commit}) {
      util::make_directory(directory);
    }
    for (const RecordedFile& file : files) {
      if (is_entity_tag(file.digest)) {
        add(file);
      }
    }
    prune_snapshot();
    for (const auto& directory : m_directories) {
      util::sync_directory(directory);
    }
    set_ref();
    remove_others();
  }

 private:
  void add(const RecordedFile& file) {
    const auto blob = m_root / "blobs" / file.digest.hex();
    // Files of equal content share a blob.
    if (m_blobs.insert(file.digest.hex()).second) {
      put_name({.place = blob, .file = m_layout.model_file(file.path), .hard_first = true});
    }
    const auto snapshot = m_root / "snapshots" / m_snapshot.commit;
    make_parent_directories(snapshot, file.path);
    put_name({.place = snapshot / file.path, .file = blob, .hard_first = false});
    m_files.insert(snapshot / file.path);
    m_directories.insert({blob.parent_path(), (snapshot / file.path).parent_path()});
  }

  // What the selection left out this time.
  void prune_snapshot() const {
    std::error_code problem;
    std::vector<fs::path> others;
    for (fs::recursive_directory_iterator entry(m_root / "snapshots" / m_snapshot.commit, problem),
         end;
         !problem && entry != end; entry.increment(problem)) {
      if (!fs::is_directory(entry->symlink_status(problem)) && !m_files.contains(entry->path())) {
        others.push_back(entry->path());
      }
    }
    for (const fs::path& other : others) {
      static_cast<void>(::unlink(other.c_str()));
    }
  }

  // Last, so that who finds the reference finds the files. No line end: readers do not expect one.
  void set_ref() const {
    if (usable_as_path(m_snapshot.ref)) {
      make_parent_directories(m_root / "refs", m_snapshot.ref);
      const auto place = m_root / "refs" / m_snapshot.ref;
      if (read_text(place) != m_snapshot.commit) {
        util::replace_file(place, m_snapshot.commit);
      }
    }
  }

  void remove_others() const {
    prune_refs(m_root / "refs", m_snapshot.commit);
    prune(m_root / "snapshots",
          [&](const fs::path& path) { return path.filename() == m_snapshot.commit; });
    prune(m_root / "trees", [&](const fs::path& path) { return path.stem() == m_snapshot.commit; });
    prune(m_root / "blobs",
          [&](const fs::path& path) { return m_blobs.contains(path.filename().string()); });
  }

  const Layout& m_layout;
  const HubSnapshot& m_snapshot;
  fs::path m_root;
  std::set<std::string> m_blobs;
  std::set<fs::path> m_files;
  std::set<fs::path> m_directories;
};

}  // namespace

void build_hub_cache(const Layout& layout, const HubSnapshot& snapshot,
                     const std::vector<RecordedFile>& files) {
  if (is_commit(snapshot.commit)) {
    HubCache(layout, snapshot).build(files);
  }
}

}  // namespace nai::storage
