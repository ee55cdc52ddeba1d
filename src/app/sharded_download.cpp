// SPDX-License-Identifier: Apache-2.0
#include "app/sharded_download.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <nai/storage/shards.hpp>
#include <nai/storage/volume.hpp>
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
  [[nodiscard]] storage::ShardPlan join();
  [[nodiscard]] bool fits(const storage::ShardPlan& plan, const storage::ShardPlan& wanted) const;
  void refuse_if_at_work(const storage::ShardPlan& plan, const storage::ShardPlan& wanted) const;
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
  if (is_complete()) {
    leave_metrics();
    return at_commit(m_config, m_plan.revision);
  }
  m_volume.prepare_state();
  m_plan = join();
  const Config config = at_commit(m_config, m_plan.revision);
  m_source = make_source(config, *m_client, m_session.clock, m_session.console);
  static_cast<void>(m_source->resolve(m_session.stop.get_token()));
  announce_start(m_config, m_plan.revision, m_session.console);
  const auto manifest = m_source->list(m_session.stop.get_token());
  try {
    bring({.config = config,
           .session = m_session,
           .plan = m_plan,
           .manifest = manifest,
           .source = *m_source});
  } catch (const util::Error&) {
    // The last pod clears the meeting place away.
    if (!is_complete()) {
      throw;
    }
  }
  const auto others = incomplete();
  if (others.empty() || is_complete()) {
    leave_metrics();
    return config;
  }
  if (m_tells) {
    m_status.finish(RunState::complete);
  }
  tell_end(others);
  return std::nullopt;
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

// Agrees with the other pods on what is downloaded.
storage::ShardPlan ShardedDownload::join() {
  storage::ShardPlan wanted = m_plan;
  auto plan = m_board.plan();
  if (plan && fits(*plan, wanted)) {
    return *plan;
  }
  const auto lock = hold_volume(m_volume, m_config, m_session, [](const util::Error&) {});
  plan = m_board.plan();
  if (plan && fits(*plan, wanted)) {
    return *plan;
  }
  if (plan) {
    refuse_if_at_work(*plan, wanted);
  }
  prepare_directories(m_volume, m_session.console);
  m_volume.begin_changes();
  m_board.begin(wanted);
  return wanted;
}

// A branch that moved while pods are at work does not move for them.
bool ShardedDownload::fits(const storage::ShardPlan& plan, const storage::ShardPlan& wanted) const {
  return plan.same_request(wanted) &&
         (plan.revision == wanted.revision || is_worked_on(m_board, plan));
}

void ShardedDownload::refuse_if_at_work(const storage::ShardPlan& plan,
                                        const storage::ShardPlan& wanted) const {
  for (std::uint64_t index = 0; index < plan.count; ++index) {
    if (m_board.state(index) == ShardState::working &&
        storage::is_held_by_the_living(m_board.lease(index), m_config.lock, m_session.clock,
                                       m_session.stop.get_token())) {
      throw util::Error(
          util::ErrorKind::usage,
          fmt::format("SHARD_COUNT (--shard-count) is {} for {}, but {} pods are bringing {} ({}) "
                      "onto this volume; give all pods of a Job the same settings, and let the "
                      "other Job end or delete it",
                      wanted.count, wanted.source, plan.count, plan.source, plan.revision));
    }
  }
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
  for (std::uint64_t index = 0; index < m_plan.count; ++index) {
    if (m_board.state(index) != ShardState::open) {
      continue;
    }
    ShardRun other(context, index);
    if (other.try_take()) {
      bring_one(index, other);
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
