// SPDX-License-Identifier: Apache-2.0
#include "app/check/volume.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <nai/storage/layout.hpp>
#include <nai/util/file.hpp>
#include <nai/util/units.hpp>

#include "app/check/bounded.hpp"

namespace nai::app {

namespace {

constexpr std::string_view k_volume_group = "volume";
constexpr std::chrono::seconds k_volume_clock_tolerance{60};
// One block, as a download writes it.
constexpr std::size_t k_probe_bytes = std::size_t{1} << 20U;

Finding broken(util::ErrorKind kind, std::string text, std::string remedy) {
  return {.severity = Severity::error,
          .group = k_volume_group,
          .text = std::move(text),
          .remedy = std::move(remedy),
          .kind = kind};
}

// Whose it is, and who asks.
std::string ownership(const std::filesystem::path& path) {
  struct stat status {};
  std::string self = fmt::format("this process is uid {} and gid {}", ::geteuid(), ::getegid());
  if (::stat(path.c_str(), &status) != 0) {
    return self;
  }
  return fmt::format("{}, {} belongs to uid {} and gid {} with mode {:04o}", self, path.string(),
                     status.st_uid, status.st_gid, status.st_mode & 07777U);
}

std::string remedy_for(int problem) {
  switch (problem) {
    case EROFS:
      return "mount it read-write: look at readOnly of the volume and the volumeMount, and at the "
             "export";
    case EACCES:
    case EPERM:
      return "give that directory to this user or group, or run the Job as its owner (runAsUser, "
             "fsGroup); where the export squashes root, uid 0 counts as nobody";
    case ENOSPC:
    case EDQUOT:
      return "enlarge the volume or its quota, or remove what else is on it";
    case ESTALE:
      return "the server does not know this mount any more: delete the pod, so that it is mounted "
             "again";
    default:
      return "look at the volume's server and the node's kernel log";
  }
}

Finding refused(const std::string& what, const std::filesystem::path& owner_of, int problem) {
  const auto error = util::storage_error(what, problem);
  const bool permission = problem == EACCES || problem == EPERM;
  return broken(
      error.kind(),
      permission ? fmt::format("{}; {}", error.what(), ownership(owner_of)) : error.what(),
      remedy_for(problem));
}

constexpr std::string_view k_probe_prefix = ".nai-check-";
// No check takes that long; younger ones may be another's that is under way.
constexpr std::time_t k_leftover_age_seconds = 600;

void remove_probes(const std::filesystem::path& directory) {
  for (const char* name : {"file", "renamed", "link", "hard-link"}) {
    ::unlink((directory / name).c_str());
  }
  ::rmdir(directory.c_str());
}

// What checks left that were killed. `now` by the server's clock. Only what has one of our names
// goes, and a directory only if nothing else is in it.
void remove_leftovers(const std::filesystem::path& mount, std::time_t now) {
  std::error_code problem;
  std::filesystem::directory_iterator entries(mount, problem);
  for (const std::filesystem::directory_iterator end; !problem && entries != end;
       entries.increment(problem)) {
    struct stat status {};
    if (entries->path().filename().string().starts_with(k_probe_prefix) &&
        ::lstat(entries->path().c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
        status.st_uid == ::geteuid() && status.st_mtime + k_leftover_age_seconds < now) {
      remove_probes(entries->path());
    }
  }
}

// A directory for probes, gone with all that was made in it.
class ProbeDirectory {
 public:
  // errno of problem() tells why there is none.
  explicit ProbeDirectory(const std::filesystem::path& mount)
      : m_path((mount / fmt::format("{}XXXXXX", k_probe_prefix)).string()) {
    if (::mkdtemp(m_path.data()) == nullptr) {
      m_problem = errno;
      return;
    }
    struct stat status {};
    if (::stat(m_path.c_str(), &status) == 0) {
      remove_leftovers(mount, status.st_mtime);
    }
  }
  ~ProbeDirectory() {
    if (m_problem == 0) {
      remove_probes(m_path);
    }
  }
  ProbeDirectory(const ProbeDirectory&) = delete;
  ProbeDirectory& operator=(const ProbeDirectory&) = delete;

  [[nodiscard]] std::filesystem::path path() const { return m_path; }
  [[nodiscard]] int problem() const { return m_problem; }

 private:
  std::string m_path;
  int m_problem = 0;
};

class VolumeCheck {
 public:
  explicit VolumeCheck(const VolumeQuestion& question) : m_question(question) {}

  std::vector<Finding> run();

 private:
  void check_directories();
  void check_writing();
  void write_and_sync(const std::filesystem::path& file);
  void check_calls(const std::filesystem::path& directory);
  void check_clock(const std::filesystem::path& file, util::SystemTime before);
  void check_space();

  void add(Finding finding) { m_findings.push_back(std::move(finding)); }

  const VolumeQuestion& m_question;
  std::vector<Finding> m_findings;
};

std::vector<Finding> VolumeCheck::run() {
  const auto& mount = m_question.mount;
  struct stat status {};
  if (::stat(mount.c_str(), &status) != 0) {
    const int problem = errno;
    add(problem == ENOENT
            ? broken(util::ErrorKind::usage, fmt::format("{} does not exist", mount.string()),
                     "mount the volume there, or name its place in OUTPUT_MOUNT")
            : refused("cannot use " + mount.string(), mount, problem));
    return std::move(m_findings);
  }
  if (!S_ISDIR(status.st_mode)) {
    add(broken(util::ErrorKind::usage, mount.string() + " is not a directory",
               "name the place of the mounted volume in OUTPUT_MOUNT"));
    return std::move(m_findings);
  }
  for (Finding& finding : judge_mount(mount, storage::mount_of(mount))) {
    add(std::move(finding));
  }
  check_directories();
  check_writing();
  check_space();
  return std::move(m_findings);
}

// What an earlier run of another user left.
void VolumeCheck::check_directories() {
  const storage::Layout layout(m_question.mount);
  for (const auto& directory : {layout.model_files(), layout.hf_cache(), layout.state()}) {
    if (util::stat_path(directory) &&
        ::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
      add(refused("cannot write to " + directory.string(), directory, errno));
    }
  }
}

void VolumeCheck::check_writing() {
  const auto& mount = m_question.mount;
  const ProbeDirectory probe(mount);
  if (probe.problem() != 0) {
    add(refused("cannot make a directory in " + mount.string(), mount, probe.problem()));
    return;
  }
  const auto before = std::chrono::system_clock::now();
  try {
    write_and_sync(probe.path() / "file");
    add(fine(
        k_volume_group,
        fmt::format("{} can be written to, and what is written reaches its disk", mount.string())));
  } catch (const util::Error& error) {
    const bool full = error.kind() == util::ErrorKind::no_space;
    add(broken(error.kind(), error.what(), remedy_for(full ? ENOSPC : EIO)));
    return;
  }
  check_calls(probe.path());
  check_clock(probe.path() / "renamed", before);
}

void VolumeCheck::write_and_sync(const std::filesystem::path& file) {
  const auto fd = util::open_file(file, O_RDWR | O_CREAT | O_EXCL);
  const std::vector<std::byte> block(k_probe_bytes, std::byte{0x5a});
  util::write_all_at(fd, block, 0, file);
  util::sync_data(fd, file);
  util::sync_directory(file.parent_path());
}

void VolumeCheck::check_calls(const std::filesystem::path& directory) {
  struct Call {
    std::string what;
    std::function<int()> run;
    bool needed = true;
  };
  const auto file = directory / "file";
  const auto renamed = directory / "renamed";
  const std::array calls{
      Call{"hard links", [&] { return ::link(file.c_str(), (directory / "hard-link").c_str()); }},
      Call{"renaming", [&] { return ::rename(file.c_str(), renamed.c_str()); }},
      Call{"symbolic links", [&] { return ::symlink("renamed", (directory / "link").c_str()); },
           m_question.needs_links},
      Call{"changing modes", [&] { return ::chmod(renamed.c_str(), 0644); }, false}};
  std::string working;
  for (const Call& call : calls) {
    if (call.run() == 0) {
      working += fmt::format("{}{}", working.empty() ? "" : ", ", call.what);
    } else if (call.needed) {
      add(refused(call.what + " do not work on the volume", directory, errno));
    } else {
      add(warning(k_volume_group,
                  fmt::format("{} do not work on the volume ({}), which a download gets by without",
                              call.what, std::generic_category().message(errno)),
                  "nothing need be done"));
    }
  }
  add(fine(k_volume_group, fmt::format("these work on the volume: {}", working)));
}

// The modification time is the server's.
void VolumeCheck::check_clock(const std::filesystem::path& file, util::SystemTime before) {
  const auto status = util::stat_path(file);
  if (!status) {
    return;
  }
  const auto server = util::SystemTime(std::chrono::seconds(status->st_mtim.tv_sec));
  add(judge_server_clock(std::chrono::round<std::chrono::seconds>(server - before)));
}

// Advice: some servers report no free space and then take everything.
void VolumeCheck::check_space() {
  struct statvfs status {};
  if (::statvfs(m_question.mount.c_str(), &status) != 0) {
    return;
  }
  const std::uint64_t available = std::uint64_t{status.f_bavail} * status.f_frsize;
  std::string text =
      fmt::format("the volume says it has {} available of {}", util::format_bytes(available),
                  util::format_bytes(std::uint64_t{status.f_blocks} * status.f_frsize));
  if (m_question.bytes_needed) {
    text += fmt::format(", the model has {}", util::format_bytes(*m_question.bytes_needed));
  }
  if (m_question.bytes_needed.value_or(0) <= available) {
    add(fine(k_volume_group, std::move(text)));
  } else {
    add(warning(k_volume_group, std::move(text),
                "enlarge the volume, unless part of the model is on it already or its server is "
                "known to report too little"));
  }
}

}  // namespace

std::vector<Finding> judge_mount(const std::filesystem::path& directory,
                                 const std::optional<storage::MountInfo>& mount) {
  if (!mount) {
    return {fine(k_volume_group,
                 fmt::format("how {} is mounted cannot be seen here", directory.string()))};
  }
  std::vector<Finding> findings{
      fine(k_volume_group,
           fmt::format("{} is on {} of type {}, mounted at {} with {}", directory.string(),
                       mount->source, mount->type, mount->mount_point, mount->options))};
  if (mount->type == "overlay" || mount->mount_point == "/") {
    findings.push_back(
        warning(k_volume_group,
                fmt::format("{} is no volume but part of the container's own file system, and goes "
                            "with it",
                            directory.string()),
                "mount the volume claim there (volumeMounts), or correct OUTPUT_MOUNT"));
  }
  if (mount->is_nfs() && mount->has_option("soft")) {
    findings.push_back(warning(k_volume_group,
                               "the volume is mounted soft: when its server is slow, writes fail "
                               "instead of waiting",
                               "use the mount option hard in the StorageClass or the volume"));
  }
  return findings;
}

Finding judge_server_clock(std::chrono::seconds ahead) {
  const auto difference = std::chrono::abs(ahead);
  if (difference <= k_volume_clock_tolerance) {
    return fine(k_volume_group, "the clock of the volume's server agrees with the one here");
  }
  return warning(
      k_volume_group,
      fmt::format("the clock of the volume's server is {} {} the one here",
                  util::format_duration(difference), ahead.count() > 0 ? "ahead of" : "behind"),
      "set the clocks of node and server (NTP)");
}

std::vector<Finding> check_volume(const VolumeQuestion& question) {
  return VolumeCheck(question).run();
}

std::vector<Finding> check_volume_within(
    const VolumeQuestion& question, std::chrono::seconds limit,
    const std::function<std::vector<Finding>(const VolumeQuestion&)>& probe) {
  auto arriving = start_unattended([question, probe] { return probe(question); });
  if (arrives_within(arriving, limit)) {
    return arriving.get();
  }
  const auto& mount = question.mount;
  auto findings = judge_mount(mount, storage::mount_of(mount));
  findings.push_back(broken(
      util::ErrorKind::storage,
      fmt::format("{} did not answer within {} s", mount.string(), limit.count()),
      "check that the volume's server runs and that the node reaches it (port 2049 for NFS); a "
      "hard mount waits for it for ever"));
  return findings;
}

}  // namespace nai::app
