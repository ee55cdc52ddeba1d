// SPDX-License-Identifier: Apache-2.0
#include "app/shard_run.hpp"

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nai/util/error.hpp>
#include <nai/util/units.hpp>

#include "app/exit_status.hpp"
#include "app/hold_volume.hpp"
#include "app/progress_line.hpp"
#include "app/reporter.hpp"
#include "app/run_steps.hpp"
#include "app/status_writer.hpp"

namespace nai::app {

namespace {

using storage::ShardState;

// What is asked of the source, as the Job names it.
std::string differences(const storage::ShardPlan& wanted, const storage::ShardPlan& plan) {
  std::vector<std::string> found;
  if (wanted.count != plan.count) {
    found.push_back(fmt::format("SHARD_COUNT (--shard-count) is {}", wanted.count));
  }
  if (wanted.source != plan.source) {
    found.push_back(fmt::format("REPO_ID (--repo-id) is {}", wanted.source));
  }
  if (wanted.requested != plan.requested) {
    found.push_back(wanted.requested.empty()
                        ? std::string("REPO_VERSION (--repo-version) is not set")
                        : fmt::format("REPO_VERSION (--repo-version) is {}", wanted.requested));
  }
  if (wanted.selection != plan.selection) {
    found.emplace_back(
        "ALLOW_PATTERNS (--include) or IGNORE_PATTERNS (--exclude) choose other files");
  }
  return fmt::format("{}", fmt::join(found, " and "));
}

}  // namespace

util::Error taken_over() {
  return {util::ErrorKind::volume_busy,
          "another run has taken the volume over from the pods of this download"};
}

util::Error other_pods_at_work(const storage::ShardPlan& wanted, const storage::ShardPlan& plan) {
  return {util::ErrorKind::usage,
          fmt::format("{}, but {} pods are bringing {} ({}) onto this volume; give all pods of a "
                      "Job the same settings, and let the other Job end or delete it",
                      differences(wanted, plan), plan.count, plan.source, plan.revision)};
}

std::string name_of_shard(std::uint64_t index, std::uint64_t count) {
  return fmt::format("shard {} (of 0 to {})", index, count - 1);
}

ShardRun::ShardRun(const ShardContext& context, std::uint64_t index)
    : m_context(context),
      m_index(index),
      m_volume(context.config.output_mount, context.session.console, index),
      m_board(m_volume.layout()),
      m_forward_stop(context.session.stop.get_token(), [this] { m_stop.request_stop(); }),
      m_lock_loss(m_stop),
      m_plan_seen(context.session.clock.steady_now()) {}

void ShardRun::take(std::chrono::milliseconds wait_limit) {
  require_plan();
  Config config = m_context.config;
  config.lock.wait_limit = wait_limit;
  m_lock = hold_shard(m_board, m_index, config, m_context.session,
                      [this](const util::Error& why) { m_lock_loss.note(why); });
  m_volume.set_guard({.may_write = [this] { return may_go_on(m_lock->confirm()); },
                      .may_commit = [this] { return may_go_on(m_lock->confirm_now()); }});
}

bool ShardRun::try_take() {
  require_plan();
  try {
    take(std::chrono::milliseconds(0));
    return true;
  } catch (const util::Error& error) {
    if (error.kind() == util::ErrorKind::volume_busy) {
      return false;
    }
    throw;
  }
}

void ShardRun::require_plan() const {
  if (m_board.plan() != m_context.plan) {
    throw taken_over();
  }
}

bool ShardRun::may_go_on(bool held) {
  if (!held) {
    return false;
  }
  if (!plan_stands()) {
    m_lock_loss.note(taken_over());
    return false;
  }
  return true;
}

// Asks the volume once a heartbeat: a run that wants all of it takes the plan away.
bool ShardRun::plan_stands() {
  const auto now = m_context.session.clock.steady_now();
  if (now - m_plan_seen.load() >= m_context.config.lock.heartbeat) {
    if (m_board.plan() != m_context.plan) {
      return false;
    }
    m_plan_seen = now;
  }
  return true;
}

// Under another plan, or once somebody took the shard over, its state is not ours to write. The
// plan is looked at again behind it: a run that takes it away looks at the states after that.
void ShardRun::note(ShardState state) {
  if (!m_lock->confirm()) {
    m_lock_loss.check();
    throw taken_over();  // the reason is on its way, from another thread
  }
  require_plan();
  m_board.note(m_index, state);
  require_plan();
}

// The end of a run that fails. What stays "working" is found by its lease.
void ShardRun::note_open() noexcept {
  try {
    note(ShardState::open);
  } catch (const std::exception&) {
    return;
  }
}

void ShardRun::run() {
  const transfer::Shard shard =
      transfer::shard_of(m_context.manifest, m_index, m_context.plan.count);
  note(ShardState::working);
  m_volume.remove_stale_work(identities_of(m_context.manifest));
  announce(shard);
  StatusWriter status(
      {.status = m_volume.layout().status(),
       .metrics = m_context.config.metrics_file,
       .may_write = [this] { return !m_lock_loss.happened() && may_go_on(m_lock->confirm()); }},
      this_run(m_context.config, m_context.plan.revision, m_context.session.clock), m_progress,
      m_context.session.console, m_context.session.clock);
  try {
    fetch(shard);
    m_lock_loss.check();
    note(ShardState::complete);
    status.finish(RunState::complete);
  } catch (const util::Error& error) {
    const bool lost = m_lock_loss.happened();
    const util::Error cause = m_lock_loss.cause_of(error);
    status.finish(state_of(cause), name_of(cause.kind()), cause.what());
    if (!lost) {
      note_open();
    }
    throw util::Error(cause);
  }
}

void ShardRun::announce(const transfer::Shard& shard) {
  const std::uint64_t files = shard.manifest.artifacts.size();
  const std::uint64_t shared = shard.portions.size();
  m_context.session.console.progress(
      "shard_selected",
      fmt::format("Progress: {}: {} files to have, {}{}",
                  name_of_shard(m_index, m_context.plan.count), files,
                  util::format_bytes(shard.total_bytes()),
                  shared == 0 ? "" : fmt::format("; {} of them shared with other shards", shared)),
      {{"shard", m_index},
       {"shards", m_context.plan.count},
       {"files", files},
       {"files_shared", shared},
       {"bytes", shard.total_bytes()}});
}

void ShardRun::fetch(const transfer::Shard& shard) {
  const Config& config = m_context.config;
  Console& console = m_context.session.console;
  util::Clock& clock = m_context.session.clock;
  const Reporter reporter(m_progress, console, clock, config.output.progress_interval);
  transfer::download(shard.manifest, transfer_options(config),
                     {.source = m_context.source,
                      .volume = m_volume,
                      .progress = m_progress,
                      .clock = clock,
                      .log = console,
                      .on_found = [&] { tell_found(m_progress, console); },
                      .portions = shard.portions},
                     m_stop.get_token());
  const auto taken = reporter.elapsed();
  const auto state = snapshot(m_progress);
  const std::string_view checked =
      shard.portions.empty() ? "all verified" : "verified but for what is shared";
  console.progress("summary", summary_line(state, taken, checked), summary_fields(state, taken));
}

}  // namespace nai::app
