// SPDX-License-Identifier: Apache-2.0
#include "app/hold_volume.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <nai/util/units.hpp>

#include "app/progress_line.hpp"

namespace nai::app {

namespace {

using std::chrono::milliseconds;

// Tells that something is in use, at the pace of progress lines.
class WaitReporter {
 public:
  // `message`: all but who uses it.
  WaitReporter(std::string message, Console& console, std::optional<milliseconds> interval)
      : m_message(std::move(message)), m_console(console), m_interval(interval) {}

  void operator()(const storage::LockHolder& holder, milliseconds waited) {
    if (m_interval == milliseconds(0) || waited < m_next) {
      return;
    }
    m_next = waited + report_interval(m_interval, waited);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(waited);
    const auto silent = std::chrono::floor<std::chrono::seconds>(holder.silent);
    std::string line = m_message + holder.describe();
    if (seconds.count() > 0) {
      line += fmt::format(", {} so far, its last sign of life {} ago",
                          util::format_duration(seconds), util::format_duration(silent));
    }
    m_console.progress("waiting_for_volume", line,
                       {{"holder", holder.describe()},
                        {"owner", holder.owner},
                        {"host", holder.host},
                        {"held_since", holder.since},
                        {"seconds_silent", static_cast<std::uint64_t>(silent.count())},
                        {"seconds_waited", static_cast<std::uint64_t>(seconds.count())}});
  }

 private:
  std::string m_message;
  Console& m_console;
  std::optional<milliseconds> m_interval;
  milliseconds m_next{0};
};

// Whether somebody may be at work who has no lease of the volume. The pods of a sharded download
// have leases of their own; a run that is not one of them tells them to stop.
bool may_be_in_use(const storage::Volume& volume, const Config& config, bool holder_died) {
  const storage::ShardBoard board(volume.layout());
  const auto plan = board.plan();
  if (!plan) {
    return !holder_died && volume.work_is_abandoned();
  }
  if (config.shards.count > 1) {
    return false;
  }
  board.withdraw();
  return is_worked_on(board, *plan);
}

}  // namespace

bool is_worked_on(const storage::ShardBoard& board, const storage::ShardPlan& plan) {
  for (std::uint64_t index = 0; index < plan.count; ++index) {
    if (board.state(index) == storage::ShardState::working) {
      return true;
    }
  }
  return false;
}

std::unique_ptr<storage::VolumeLock> hold_shard(
    const storage::ShardBoard& board, std::uint64_t index, const Config& config,
    const Session& session, std::function<void(const util::Error& why)> on_lost) {
  const WaitReporter reporter(fmt::format("waiting for shard {}, which is in use by ", index),
                              session.console, config.output.progress_interval);
  return storage::acquire_volume_lock(board.lease(index), config.lock, session.clock,
                                      {.on_wait = reporter,
                                       .on_lost = std::move(on_lost),
                                       .held = fmt::format("shard {} of this download", index)},
                                      session.stop.get_token());
}

std::unique_ptr<storage::VolumeLock> hold_volume(
    storage::Volume& volume, const Config& config, const Session& session,
    std::function<void(const util::Error& why)> on_lost) {
  volume.prepare_state();
  const WaitReporter reporter("waiting for the volume, which is in use by ", session.console,
                              config.output.progress_interval);
  return storage::acquire_volume_lock(
      volume.layout().lease(), config.lock, session.clock,
      {.on_wait = reporter,
       .on_lost = std::move(on_lost),
       .is_abandoned =
           [&](bool holder_died) { return may_be_in_use(volume, config, holder_died); }},
      session.stop.get_token());
}

}  // namespace nai::app
