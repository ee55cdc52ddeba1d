// SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <nai/storage/local_metadata.hpp>
#include <nai/storage/volume.hpp>
#include <nai/storage/volume_lock.hpp>
#include <nai/transfer/verification.hpp>
#include <nai/util/error.hpp>
#include <nai/util/memory_limit.hpp>
#include <nai/util/units.hpp>

#include "app/commands/commands.hpp"
#include "app/hold_volume.hpp"
#include "app/lock_loss.hpp"
#include "app/reporter.hpp"
#include "app/verify/expectation.hpp"
#include "app/verify/report.hpp"

namespace nai::app {

namespace {

using std::chrono::milliseconds;
using transfer::FileVerdict;

// Those that this process may run on, which may be fewer than the machine has.
std::size_t processors() {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
    return std::thread::hardware_concurrency();
  }
  return static_cast<std::size_t>(CPU_COUNT(&allowed));
}

class Verify {
 public:
  Verify(const Config& config, Session& session)
      : m_config(config),
        m_session(session),
        m_console(session.console),
        m_volume(config.output_mount, session.console),
        m_lock_loss(session.stop) {
    m_config.shards = {};  // this run alone knows what is missing
  }

  int run();

 private:
  [[nodiscard]] int compare();
  [[nodiscard]] int repair();
  [[nodiscard]] Expectation look();
  void read(const Expectation& expected);
  void find_extra(const Expectation& expected);
  void tell(const Expectation& expected) const;
  void check_undisturbed(const Expectation& expected);
  void remove_wrong();
  void remove(const Problem& problem);

  Config m_config;
  Session& m_session;
  Console& m_console;
  storage::Volume m_volume;
  VerifyFindings m_findings;
  LockLoss m_lock_loss;
  std::unique_ptr<storage::VolumeLock> m_lock;  // last: its thread uses what is above
};

int Verify::run() {
  m_volume.check_mount();
  if (m_config.options.repair && m_config.repository.empty()) {
    throw util::Error(util::ErrorKind::usage,
                      "REPO_ID (--repo-id) is not set: --repair has to know where to fetch from");
  }
  try {
    return m_config.options.repair ? repair() : compare();
  } catch (const util::Error& error) {
    throw m_lock_loss.cause_of(error);
  }
}

int Verify::compare() {
  const Expectation expected = look();
  if (m_findings.problems.empty()) {
    return 0;
  }
  check_undisturbed(expected);
  throw failure(m_findings, expected);
}

// A download of the same version fetches what is missing then, and nothing else.
int Verify::repair() {
  m_lock = hold_volume(m_volume, m_config, m_session,
                       [this](const util::Error& why) { m_lock_loss.note(why); });
  m_volume.set_guard({.may_write = [this] { return m_lock->confirm(); },
                      .may_commit = [this] { return m_lock->confirm_now(); }});
  const Expectation expected = look();
  if (m_findings.problems.empty()) {
    return 0;
  }
  remove_wrong();
  m_lock.reset();
  if (m_config.provider == Provider::hugging_face) {
    m_config.revision = expected.revision;
  } else {
    m_config.image_digest = expected.revision;
  }
  return run_download(m_config, m_session);
}

Expectation Verify::look() {
  Expectation expected = expected_on(m_volume, m_config, m_session);
  read(expected);
  find_extra(expected);
  tell(expected);
  return expected;
}

void Verify::read(const Expectation& expected) {
  const std::uint64_t bytes = total_bytes(expected.files);
  const bool json = m_config.options.json;
  if (!json) {
    m_console.announce(
        "verify_started",
        fmt::format("Verifying {} files, {}, of {} with version {} against {}",
                    expected.files.size(), util::format_bytes(bytes), expected.source,
                    expected.revision, expected.authority),
        {{"source", expected.source}, {"revision", expected.revision}, {"bytes", bytes}});
  }
  transfer::Progress progress;
  const Reporter reporter(
      progress, m_console, m_session.clock,
      json ? std::optional(milliseconds(0)) : m_config.output.progress_interval);
  const auto threads = transfer::verification_threads(processors(), util::memory_limit());
  const auto results =
      transfer::verify(m_volume, expected.files, threads, progress, m_session.stop.get_token());
  m_findings.taken = reporter.elapsed();
  m_findings.bytes_read = progress.bytes_hashed;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].verdict != FileVerdict::right) {
      m_findings.problems.push_back({expected.files[i].path, results[i].verdict, results[i].found,
                                     expected.files[i], results[i].damaged});
    }
  }
  try {
    if (!storage::is_arranged(m_volume.layout(), expected.arrangement)) {
      m_findings.problems.push_back(
          {"(links to the files)", FileVerdict::wrong, "other links or references"});
    }
  } catch (const util::Error& error) {
    m_findings.problems.push_back({"(links to the files)", FileVerdict::unreadable, error.what()});
  }
}

// Files that nobody lists do no harm by themselves, so they are told and left.
void Verify::find_extra(const Expectation& expected) {
  std::set<std::string> known;
  for (const auto& file : expected.files) {
    known.insert(file.path);
  }
  for (const auto& link : expected.arrangement.links) {
    known.insert(link.path);
  }
  for (const auto& text : expected.arrangement.texts) {
    known.insert(text.path);
  }
  const auto root = m_volume.layout().model_files();
  std::error_code problem;
  std::filesystem::recursive_directory_iterator entries(root, problem);
  for (const std::filesystem::recursive_directory_iterator end; !problem && entries != end;
       entries.increment(problem)) {
    const bool is_directory =
        entries->symlink_status(problem).type() == std::filesystem::file_type::directory;
    auto path = entries->path().lexically_relative(root).string();
    // What NFS keeps of removed files that are still open.
    const bool is_leftover = entries->path().filename().string().starts_with(".nfs");
    if (!is_directory && !is_leftover && !known.contains(path) &&
        !storage::is_local_metadata(path)) {
      m_findings.extra.push_back(std::move(path));
    }
  }
  if (problem && problem != std::errc::no_such_file_or_directory) {
    m_console.warning("extra_unknown",
                      fmt::format("cannot list all of {}: {}; there may be files that do not "
                                  "belong to the model",
                                  root.string(), problem.message()),
                      {{"path", root.string()}, {"reason", problem.message()}});
  }
}

void Verify::tell(const Expectation& expected) const {
  if (m_config.options.json) {
    m_console.document(document(m_findings, expected));
  } else {
    app::tell(m_findings, expected, m_console);
  }
}

// Who reads only holds no lease.
void Verify::check_undisturbed(const Expectation& expected) {
  if (!still_stands(expected, m_volume, m_session)) {
    throw util::Error(util::ErrorKind::volume_busy,
                      "another run changed the volume while it was verified, so nothing is known "
                      "of what was found")
        .with_advice("What to do: run verify again when that run has ended.");
  }
}

// Nothing that was noted of these files is believed from here on. A run that ends in between leaves
// a volume that any download, and another repair, completes.
void Verify::remove_wrong() {
  std::vector<std::string> paths;
  for (const Problem& problem : m_findings.problems) {
    paths.push_back(problem.path);
  }
  m_volume.distrust(paths);
  for (const Problem& problem : m_findings.problems) {
    if (problem.file &&
        (problem.verdict == FileVerdict::wrong || problem.verdict == FileVerdict::unreadable)) {
      remove(problem);
    }
  }
  m_volume.note_end();  // nobody writes to what was taken back
}

void Verify::remove(const Problem& problem) {
  if (m_volume.take_back(*problem.file, problem.damaged)) {
    const std::uint64_t bytes = total_bytes(problem.damaged);
    m_console.announce(
        "file_taken_back",
        fmt::format("taken back: {}, to fetch {} of it", problem.path, util::format_bytes(bytes)),
        {{"path", problem.path}, {"bytes", bytes}});
    return;
  }
  m_volume.remove_published(problem.path);
  m_console.announce("file_removed", fmt::format("removed: {}", problem.path),
                     {{"path", problem.path}});
}

}  // namespace

int run_verify(const Config& config, Session& session) { return Verify(config, session).run(); }

}  // namespace nai::app
