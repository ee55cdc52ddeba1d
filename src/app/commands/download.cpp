// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <nai/storage/shards.hpp>
#include <nai/storage/volume.hpp>
#include <nai/storage/volume_lock.hpp>
#include <nai/transfer/download.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>
#include <nai/util/units.hpp>
#include <nai/version.hpp>

#include "app/commands/commands.hpp"
#include "app/exit_status.hpp"
#include "app/hold_volume.hpp"
#include "app/hub_files.hpp"
#include "app/lock_loss.hpp"
#include "app/make_source.hpp"
#include "app/nim.hpp"
#include "app/progress_line.hpp"
#include "app/refused_credential.hpp"
#include "app/reporter.hpp"
#include "app/run_steps.hpp"
#include "app/sharded_download.hpp"
#include "app/space_advice.hpp"
#include "app/status_writer.hpp"

namespace nai::app {

namespace {

using std::chrono::milliseconds;

std::vector<std::string> paths_of(const source::Manifest& manifest) {
  std::vector<std::string> paths;
  paths.reserve(manifest.artifacts.size());
  for (const auto& artifact : manifest.artifacts) {
    paths.push_back(artifact.path);
  }
  return paths;
}

// What the record says of where they came from.
std::vector<storage::RecordedFile> origins_of(const source::Manifest& manifest) {
  std::vector<storage::RecordedFile> origins;
  origins.reserve(manifest.artifacts.size());
  for (const auto& artifact : manifest.artifacts) {
    origins.push_back({.path = artifact.path,
                       .size = artifact.size,
                       .digest = artifact.digest,
                       .url = artifact.url});
  }
  return origins;
}

// One run of the command, step by step.
class DownloadRun {
 public:
  DownloadRun(const Config& config, Session& session)
      : m_config(config),
        m_console(session.console),
        m_clock(session.clock),
        m_started_at(session.clock.system_now()),
        m_stop(session.stop),
        m_volume(config.output_mount, session.console),
        m_manifests(m_volume.layout(), session.console),
        m_identity(this_run(config, {}, session.clock)),
        m_begun(session.clock.steady_now()),
        m_lock_loss(session.stop) {}

  // `on_held` is called when this run alone works on the volume.
  void run(const std::function<void()>& on_held);

 private:
  void resolve();
  void hold_volume();
  void require_volume();
  void bring();
  void tell_status();
  [[nodiscard]] bool already_complete();
  void fetch();
  void announce_selection(const source::Manifest& manifest);
  void save_record(const source::Manifest& manifest);
  void summarize(milliseconds taken);
  void clean_up();

  const Config& m_config;
  Console& m_console;
  util::Clock& m_clock;
  const std::chrono::system_clock::time_point m_started_at;
  std::stop_source m_stop;
  storage::Volume m_volume;
  std::unique_ptr<http::Client> m_client;
  ManifestStore m_manifests;
  std::unique_ptr<source::Source> m_source;
  source::NimSource* m_nim = nullptr;  // m_source, if it is an image
  std::string m_revision;
  RunIdentity m_identity;
  util::SteadyTime m_begun;
  transfer::Progress m_progress;
  LockLoss m_lock_loss;
  std::unique_ptr<storage::VolumeLock> m_lock;  // its thread uses what is above
  std::optional<StatusWriter> m_status;         // last: it asks the lock
};

void DownloadRun::run(const std::function<void()>& on_held) {
  // The metrics tell of a run from its start; there is no volume to write a status to yet.
  m_status.emplace(StatusFiles{.status = {}, .metrics = m_config.metrics_file, .may_write = {}},
                   m_identity, m_progress, m_console, m_clock);
  bool at_work = false;
  try {
    m_volume.check_mount();
    resolve();
    hold_volume();
    on_held();
    at_work = true;
    tell_status();
    bring();
    m_status->finish(RunState::complete);
  } catch (const util::Error& error) {
    const bool lost = m_lock_loss.happened();
    const util::Error cause = m_lock_loss.cause_of(error);
    m_status->finish(state_of(cause), name_of(cause.kind()), cause.what());
    if (at_work && !lost) {
      m_volume.note_end();
    }
    throw util::Error(cause);
  }
}

void DownloadRun::bring() {
  prepare_directories(m_volume, m_console);
  announce_start(m_config, m_revision, m_console);
  if (!already_complete()) {
    fetch();
  }
  m_console.announce("download_succeeded", "## Successfully downloaded model_files",
                     {{"repository", m_config.repository}, {"revision", m_revision}});
  clean_up();
}

void DownloadRun::resolve() {
  for (const Credential* credential :
       {&m_config.hub_token, &m_config.ngc_key, &m_config.registry_password}) {
    if (!credential->value.empty()) {
      m_console.debug("token", fmt::format("using the token from {}", credential->origin));
    }
  }
  m_client = make_client(m_config, m_console);
  if (m_config.provider == Provider::nim) {
    auto nim = make_nim(m_config, *m_client, m_clock, m_console, m_manifests);
    m_nim = nim.get();
    m_source = std::move(nim);
  } else {
    m_source = make_source(m_config, *m_client, m_clock, m_console);
  }
  m_revision = m_source->resolve(m_stop.get_token());
}

void DownloadRun::hold_volume() {
  m_lock = app::hold_volume(m_volume, m_config, {m_console, m_clock, m_stop},
                            [this](const util::Error& why) { m_lock_loss.note(why); });
  m_volume.set_guard({.may_write = [this] { return m_lock->confirm(); },
                      .may_commit = [this] { return m_lock->confirm_now(); }});
}

// Before what is not asked for at each write: a run that was paused may have lost the volume.
void DownloadRun::require_volume() {
  if (!m_lock->confirm()) {
    m_lock_loss.check();
    throw util::Error(util::ErrorKind::volume_busy, "the volume is another run's");
  }
}

void DownloadRun::tell_status() {
  m_identity.revision = m_revision;
  m_status->go_on({.status = m_volume.layout().status(),
                   .metrics = m_config.metrics_file,
                   .may_write = [this] { return !m_lock_loss.happened() && m_lock->confirm(); }},
                  m_identity);
}

bool DownloadRun::already_complete() {
  const auto record = m_volume.complete_record();
  if (!record || record->source != source_name(m_config) || record->revision != m_revision ||
      record->selection != selection_name(m_config)) {
    return false;
  }
  for (const auto& file : record->files) {
    m_progress.bytes_total += file.size;
  }
  m_progress.files_total = record->files.size();
  m_progress.files_done = m_progress.files_total.load();
  m_progress.bytes_present = m_progress.bytes_total.load();
  m_progress.bytes_reused = m_progress.bytes_total.load();
  m_console.progress("already_complete",
                     fmt::format("Progress: the volume is complete since {}", record->completed_at),
                     {{"completed_at", record->completed_at}});
  write_hub_files(m_config, m_volume.layout(), m_revision, record->files, m_console);
  tell_findings(record->findings, m_console);
  summarize(std::chrono::floor<milliseconds>(m_clock.steady_now() - m_begun));
  return true;
}

void DownloadRun::fetch() {
  const auto manifest = m_source->list(m_stop.get_token());
  if (m_nim != nullptr) {
    announce_plan(m_nim->plan(), m_console);
    if (manifest.artifacts.empty()) {
      save_report(m_nim->plan(), manifest, m_volume.layout());
      return;
    }
  }
  announce_selection(manifest);
  require_volume();
  const auto identities = identities_of(manifest);
  m_volume.join_portions(identities);
  m_volume.remove_stale_work(identities);
  warn_of_little_space(m_volume, manifest, m_console);
  m_volume.begin_changes();
  milliseconds taken{0};
  {
    const Reporter reporter(m_progress, m_console, m_clock, m_config.output.progress_interval);
    transfer::download(manifest, transfer_options(m_config),
                       {.source = *m_source,
                        .volume = m_volume,
                        .progress = m_progress,
                        .clock = m_clock,
                        .log = m_console,
                        .on_found = [this] { tell_found(m_progress, m_console); }},
                       m_stop.get_token());
    save_record(manifest);
    taken = reporter.elapsed();
  }
  summarize(taken);
}

void DownloadRun::announce_selection(const source::Manifest& manifest) {
  const std::size_t selected = manifest.artifacts.size();
  const std::size_t all = selected + manifest.skipped.size();
  const auto size = util::format_bytes(manifest.total_bytes());
  m_console.progress("selected",
                     selected == all
                         ? fmt::format("Progress: {} files to have, {}", all, size)
                         : fmt::format("Progress: {} of {} files to have, {}", selected, all, size),
                     {{"files", std::uint64_t{selected}},
                      {"files_skipped", std::uint64_t{manifest.skipped.size()}},
                      {"bytes", manifest.total_bytes()}});
  for (const auto& path : manifest.skipped) {
    m_console.debug("skipped", fmt::format("{} is left out by the selection", path),
                    {{"path", path}});
  }
}

void DownloadRun::save_record(const source::Manifest& manifest) {
  static_cast<void>(m_lock->confirm_now());
  m_lock_loss.check();
  const auto paths = paths_of(manifest);
  write_hub_files(m_config, m_volume.layout(), m_revision, m_volume.inventory().entries(paths),
                  m_console);
  auto findings = inspect_model(m_volume.layout(), manifest, m_stop.get_token(), m_console);
  require_volume();
  const auto removed =
      m_volume.finish({.source = source_name(m_config),
                       .revision = m_revision,
                       .selection = selection_name(m_config),
                       .model_name = m_config.model_name,
                       .program = "nai-model-processor " NAI_VERSION " (" NAI_COMMIT ")",
                       .started_at = util::iso8601(m_started_at),
                       .completed_at = util::iso8601(m_clock.system_now()),
                       .files = origins_of(manifest),
                       .arrangement = arrangement_of(manifest),
                       .findings = std::move(findings)},
                      paths);
  if (m_nim != nullptr) {
    save_report(m_nim->plan(), manifest, m_volume.layout());
  }
  if (removed > 0) {
    m_console.progress("removed",
                       fmt::format("Progress: removed {} files of an earlier version", removed),
                       {{"files", std::uint64_t{removed}}});
  }
}

void DownloadRun::summarize(milliseconds taken) {
  const auto state = snapshot(m_progress);
  m_console.progress("summary", summary_line(state, taken), summary_fields(state, taken));
  constexpr double k_megabyte = 1e6;
  m_console.progress("directory_size",
                     fmt::format("NAI Monitor: Downloaded directory size: {:.2f}MB",
                                 static_cast<double>(state.bytes_total) / k_megabyte),
                     {{"bytes", state.bytes_total}});
}

void DownloadRun::clean_up() {
  if (m_lock_loss.happened() || !m_lock->confirm_now()) {
    return;  // hf_cache is another run's now
  }
  storage::ShardBoard(m_volume.layout()).remove();
  const auto directory = m_volume.layout().hf_cache().string();
  m_console.announce_blank();
  if (keeps_hub_cache(m_config)) {
    m_console.announce("directory_kept", fmt::format("Keeping directory : {}", directory),
                       {{"path", directory}});
    m_volume.remove_work();
    return;
  }
  m_console.announce("directory_deleted", fmt::format("Deleting directory : {}", directory),
                     {{"path", directory}});
  m_volume.remove_hf_cache();
}

// The Hub answers strangers as it answers those without access; only we know which it was.
void explain_missing_token(const Config& config, const util::Error& refusal, Console& console) {
  if (const auto missing = missing_credential(config, refusal.what()); !missing.empty()) {
    console.warning("no_token", missing);
  }
}

// Who may not write to the volume, and whose it is: what a person would look up next.
util::Error with_owner(const util::Error& error, const std::filesystem::path& mount) {
  struct stat status {};
  if (::access(mount.c_str(), W_OK | X_OK) == 0 || errno != EACCES ||
      ::stat(mount.c_str(), &status) != 0) {
    return error;
  }
  return {error.kind(),
          fmt::format("{}; this process is uid {} and gid {}, the volume belongs to uid {} and gid "
                      "{} with mode {:04o}",
                      error.what(), ::geteuid(), ::getegid(), status.st_uid, status.st_gid,
                      status.st_mode & 07777U)};
}

}  // namespace

int run_download(const Config& config, Session& session) {
  try {
    if (config.shards.count > 1) {
      download_sharded(config, session, [&](const Config& whole, const auto& on_held) {
        DownloadRun(whole, session).run(on_held);
      });
    } else {
      DownloadRun(config, session).run([] {});
    }
    return 0;
  } catch (const util::Error& error) {
    if (error.kind() == util::ErrorKind::unauthorized) {
      explain_missing_token(config, error, session.console);
    }
    if (error.kind() == util::ErrorKind::storage) {
      throw with_owner(error, config.output_mount);
    }
    throw;
  }
}

}  // namespace nai::app
