// SPDX-License-Identifier: Apache-2.0
#include "app/sharded_download.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <nai/storage/shards.hpp>
#include <nai/storage/volume.hpp>
#include <nai/storage/volume_lock.hpp>
#include <nai/util/error.hpp>

#include "app/exit_status.hpp"
#include "app/hold_volume.hpp"
#include "app/make_source.hpp"
#include "app/run_steps.hpp"
#include "app/shard_run.hpp"
#include "app/status_writer.hpp"

namespace nai::app {

namespace {

using storage::ShardState;

Config at_commit(Config config, const std::string& commit) {
  config.revision = commit;
  return config;
}

// "0, 2 and 3"
std::string list_of(const std::vector<std::uint64_t>& numbers) {
  std::string text;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const bool last = i + 1 == numbers.size();
    text += fmt::format("{}{}", i == 0 ? "" : last ? " and " : ", ", numbers[i]);
  }
  return text;
}

class ShardedDownload {
 public:
  ShardedDownload(const Config& config, Session& session)
      : m_config(config),
        m_session(session),
        m_own(config.shards.index.value_or(0)),
        m_volume(config.output_mount, session.console),
        m_board(m_volume.layout()),
        m_client(make_client(config, session.console)),
        m_status({.status = {}, .metrics = config.metrics_file, .may_write = {}},
                 this_run(config, {}, session.clock), m_progress, session.console, session.clock) {}

  // The configuration for what is left to do on the volume as a whole; empty while other shards
  // are not complete.
  [[nodiscard]] std::optional<Config> run();
  // The metrics of a run that failed before it had a shard, which tells of itself.
  void note_failure(const util::Error& error);
  // For whoever holds the volume to do that. Throws Error{volume_busy} when another run had it in
  // the meantime and left something else.
  void require_shards();

 private:
  void resolve();
  [[nodiscard]] bool is_complete();
  [[nodiscard]] bool has_become_complete();
  [[nodiscard]] std::optional<storage::ShardPlan> join();
  [[nodiscard]] bool is_at_work(const storage::ShardPlan& plan) const;
  void begin(storage::VolumeLock& lock);
  [[nodiscard]] bool take_part();
  void bring_or_find_brought(const ShardContext& context);
  void bring(const ShardContext& context);
  void leave_metrics();
  void tell_end(const std::vector<std::uint64_t>& others);
  [[nodiscard]] std::vector<std::uint64_t> incomplete() const;

  const Config& m_config;
  Session& m_session;
  const std::uint64_t m_own;
  storage::Volume m_volume;
  storage::ShardBoard m_board;
  std::unique_ptr<http::Client> m_client;
  std::unique_ptr<source::Source> m_source;
  storage::ShardPlan m_plan;
  transfer::Progress m_progress;  // of none: what is before and between shards
  bool m_tells = true;            // m_status does, no shard was begun
  StatusWriter m_status;
};

std::optional<Config> ShardedDownload::run() {
  m_volume.check_mount();
  resolve();
  if (!is_complete()) {
    m_volume.prepare_state();
    if (const auto plan = join()) {
      m_plan = *plan;
      if (!take_part()) {
        return std::nullopt;
      }
    }
  }
  leave_metrics();
  return at_commit(m_config, m_plan.revision);
}

// False while shards of others are to come.
bool ShardedDownload::take_part() {
  const Config config = at_commit(m_config, m_plan.revision);
  m_source = make_source(config, *m_client, m_session.clock, m_session.console);
  static_cast<void>(m_source->resolve(m_session.stop.get_token()));
  prepare_directories(m_volume, m_session.console);
  announce_start(m_config, m_plan.revision, m_session.console);
  const auto manifest = m_source->list(m_session.stop.get_token());
  bring_or_find_brought({.config = config,
                         .session = m_session,
                         .plan = m_plan,
                         .manifest = manifest,
                         .source = *m_source});
  const auto others = incomplete();
  if (others.empty() || has_become_complete()) {
    return true;
  }
  if (m_board.plan() != m_plan) {
    throw taken_over();
  }
  if (m_tells) {
    m_status.finish(RunState::complete);
  }
  tell_end(others);
  return false;
}

// The last pod, and a run that took the volume over, clear the meeting place away.
void ShardedDownload::bring_or_find_brought(const ShardContext& context) {
  try {
    bring(context);
  } catch (const util::Error& error) {
    if (has_become_complete()) {
      return;
    }
    if (error.kind() == util::ErrorKind::storage && m_board.plan() != m_plan) {
      throw taken_over();
    }
    throw;
  }
}

void ShardedDownload::note_failure(const util::Error& error) {
  if (m_tells) {
    m_status.finish(state_of(error), name_of(error.kind()), error.what());
  }
}

// To a shard, or to the download of the whole.
void ShardedDownload::leave_metrics() {
  if (std::exchange(m_tells, false)) {
    m_status.leave();
  }
}

void ShardedDownload::require_shards() {
  if (!is_complete() && m_board.plan() != m_plan) {
    throw taken_over();
  }
  storage::look_again(m_volume.layout().work());
}

void ShardedDownload::resolve() {
  m_source = make_source(m_config, *m_client, m_session.clock, m_session.console);
  m_plan = {.source = source_name(m_config),
            .requested = m_config.revision,
            .revision = m_source->resolve(m_session.stop.get_token()),
            .selection = selection_name(m_config),
            .count = m_config.shards.count};
}

bool ShardedDownload::is_complete() {
  storage::Volume volume(m_config.output_mount, m_session.console);
  const auto record = volume.complete_record();
  return record && record->source == m_plan.source && record->revision == m_plan.revision &&
         record->selection == m_plan.selection;
}

// Where an earlier look may still be remembered.
bool ShardedDownload::has_become_complete() {
  storage::look_again(m_volume.layout().state());
  return is_complete();
}

// Agrees with the other pods on what is downloaded; empty when the volume is complete already. A
// branch that moved while pods are at work does not move for them.
std::optional<storage::ShardPlan> ShardedDownload::join() {
  if (m_board.plan() == m_plan) {
    return m_plan;
  }
  const auto lock = hold_volume(m_volume, m_config, m_session, [](const util::Error&) {});
  // Whoever had the volume may have brought just this.
  if (is_complete()) {
    return std::nullopt;
  }
  auto plan = m_board.plan();
  if (plan == m_plan) {
    return m_plan;
  }
  if (plan && is_at_work(*plan)) {
    if (!plan->same_request(m_plan)) {
      throw other_pods_at_work(m_plan, *plan);
    }
    return plan;
  }
  begin(*lock);
  return m_plan;
}

bool ShardedDownload::is_at_work(const storage::ShardPlan& plan) const {
  std::vector<std::filesystem::path> leases;
  for (std::uint64_t index = 0; index < plan.count; ++index) {
    if (m_board.state(index) == ShardState::working) {
      leases.push_back(m_board.lease(index));
    }
  }
  return storage::is_held_by_the_living(leases, m_config.lock, m_session.clock,
                                        m_session.stop.get_token());
}

// What shards of another plan left of the files is kept for those of this one.
void ShardedDownload::begin(storage::VolumeLock& lock) {
  const auto manifest = m_source->list(m_session.stop.get_token());
  if (!lock.confirm()) {
    throw taken_over();
  }
  m_board.withdraw();
  storage::look_again(m_volume.layout().work());
  m_volume.join_portions(identities_of(manifest));
  m_volume.begin_changes();
  if (!lock.confirm()) {
    throw taken_over();
  }
  m_board.begin(m_plan);
}

// First the shard of this pod, for which it waits if need be; then those that nobody works on.
void ShardedDownload::bring(const ShardContext& context) {
  const auto bring_one = [&](std::uint64_t index, ShardRun& shard) {
    // Whoever had it may have completed it.
    if (m_board.state(index) != ShardState::complete) {
      leave_metrics();
      shard.run();
    }
  };
  if (m_board.state(m_own) != ShardState::complete) {
    ShardRun own(context, m_own);
    own.take(m_config.lock.wait_limit);
    bring_one(m_own, own);
  }
  // Until there is none: one that was looked at may be given back meanwhile.
  for (bool found = true; found;) {
    found = false;
    for (std::uint64_t index = 0; index < m_plan.count; ++index) {
      if (m_board.state(index) != ShardState::open) {
        continue;
      }
      ShardRun other(context, index);
      if (other.try_take()) {
        bring_one(index, other);
        found = true;
      }
    }
  }
}

std::vector<std::uint64_t> ShardedDownload::incomplete() const {
  std::vector<std::uint64_t> shards;
  for (std::uint64_t index = 0; index < m_plan.count; ++index) {
    if (m_board.state(index) != ShardState::complete) {
      shards.push_back(index);
    }
  }
  return shards;
}

void ShardedDownload::tell_end(const std::vector<std::uint64_t>& others) {
  m_session.console.announce(
      "shard_succeeded",
      fmt::format("## Successfully downloaded {}; {} of {} to come: {}",
                  name_of_shard(m_own, m_plan.count), others.size(), m_plan.count, list_of(others)),
      {{"repository", m_config.repository},
       {"revision", m_plan.revision},
       {"shard", m_own},
       {"shards", m_plan.count},
       {"shards_left", std::uint64_t{others.size()}}});
}

}  // namespace

void download_sharded(const Config& config, Session& session, const RunWhole& run_whole) {
  ShardedDownload download(config, session);
  std::optional<Config> whole;
  try {
    whole = download.run();
  } catch (const util::Error& error) {
    download.note_failure(error);
    throw;
  }
  if (whole) {
    run_whole(*whole, [&] { download.require_shards(); });
  }
}

}  // namespace nai::app
