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

// Tells that the volume is in use, at the pace of progress lines.
class WaitReporter {
 public:
  WaitReporter(Console& console, std::optional<milliseconds> interval)
      : m_console(console), m_interval(interval) {}

  void operator()(const std::string& holder, milliseconds waited) {
    if (m_interval == milliseconds(0) || waited < m_next) {
      return;
    }
    m_next = waited + report_interval(m_interval, waited);
    const auto seconds = std::chrono::floor<std::chrono::seconds>(waited);
    const auto so_far = seconds.count() == 0
                            ? std::string()
                            : fmt::format(", {} so far", util::format_duration(seconds));
    m_console.progress(
        "waiting_for_volume",
        fmt::format("waiting for the volume, which is in use by {}{}", holder, so_far),
        {{"holder", holder}, {"seconds_waited", static_cast<std::uint64_t>(seconds.count())}});
  }

 private:
  Console& m_console;
  std::optional<milliseconds> m_interval;
  milliseconds m_next{0};
};

}  // namespace

std::unique_ptr<storage::VolumeLock> hold_volume(
    storage::Volume& volume, const Config& config, const Session& session,
    std::function<void(const util::Error& why)> on_lost) {
  volume.prepare_state();
  WaitReporter reporter(session.console, config.output.progress_interval);
  return storage::acquire_volume_lock(
      volume.layout().lease(), config.lock, session.clock,
      {.on_wait = reporter,
       .on_lost = std::move(on_lost),
       .is_abandoned = [&volume] { return volume.work_is_abandoned(); }},
      session.stop.get_token());
}

}  // namespace nai::app
