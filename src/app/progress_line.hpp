// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nai/transfer/progress.hpp>
#include <nai/util/clock.hpp>
#include <nai/util/log.hpp>

namespace nai::app {

// The counters of transfer::Progress at one moment.
struct ProgressState {
  std::uint64_t files_total = 0;
  std::uint64_t files_done = 0;
  std::uint64_t bytes_total = 0;
  std::uint64_t bytes_present = 0;
  std::uint64_t bytes_reused = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_hashed = 0;
  std::uint64_t connections = 0;
  std::uint64_t retries = 0;
  std::uint64_t retries_rate_limited = 0;  // of those
  std::uint64_t retries_refused = 0;       // of those
};

[[nodiscard]] ProgressState snapshot(const transfer::Progress& progress);

// Why requests were made again: "connection" (it broke, or brought what was not asked for),
// "refused" (the server answered with an error), "rate_limited".
[[nodiscard]] std::array<std::pair<std::string_view, std::uint64_t>, 3> retries_by_cause(
    const ProgressState& state);

// How fast it goes.
struct Pace {
  double received_per_second = 0;
  double hashed_per_second = 0;
  std::optional<std::chrono::seconds> left = {};  // empty when there is nothing to judge by
  std::chrono::seconds idle{0};                   // since anything moved
};

// Smooths the rate, so that neither it nor the time left jumps. Not thread-safe.
class RateMeter {
 public:
  // Nothing has been done yet at `start`.
  explicit RateMeter(util::SteadyTime start);

  void add(util::SteadyTime now, const ProgressState& state);
  [[nodiscard]] Pace pace() const;

 private:
  // An exponentially weighted mean over about `window`, right from the first sample.
  struct Mean {
    std::chrono::duration<double> window;
    double amount = 0;
    double weight = 0;
    void add(double bytes, std::chrono::duration<double> time);
    [[nodiscard]] double rate() const { return weight > 0 ? amount / weight : 0; }
  };

  util::SteadyTime m_last;
  util::SteadyTime m_last_movement;
  ProgressState m_state;
  Mean m_received;
  Mean m_hashed;
  Mean m_present;  // over a longer window, for the time left
};

// Both figures in the unit of the second: "10.03 of 16.07 GB".
[[nodiscard]] std::string bytes_of(std::uint64_t part, std::uint64_t whole);

// What a run finds before it fetches anything: "Progress: resuming at 62.4 % - 10.03 of 16.07 GB
// are on the volume - 9/16 files complete". `files_to_check` are there without proof.
[[nodiscard]] std::string found_line(const ProgressState& state, std::uint64_t files_to_check);

// "Progress: 62.4 % - 10.03 of 16.07 GB - 9/16 files - 304.2 MB/s - 20s left (resumed 5.20 GB)".
[[nodiscard]] std::string progress_line(const ProgressState& state, const Pace& pace);
// The same as a bar for a terminal that is `width` columns wide.
[[nodiscard]] std::string progress_bar(const ProgressState& state, const Pace& pace,
                                       std::size_t width);
[[nodiscard]] util::Fields progress_fields(const ProgressState& state, const Pace& pace);

// "Progress: done - 16 files, 16.1 GB, all verified - fetched 10.87 GB in 2m31s …".
[[nodiscard]] std::string summary_line(const ProgressState& state, std::chrono::milliseconds taken,
                                       std::string_view checked = "all verified");
[[nodiscard]] util::Fields summary_fields(const ProgressState& state,
                                          std::chrono::milliseconds taken);

// The time until the next line: as fixed, else 10 s at first and up to a minute as the run gets
// long, so that a day's log stays well below a megabyte.
[[nodiscard]] std::chrono::milliseconds report_interval(
    const std::optional<std::chrono::milliseconds>& fixed, std::chrono::milliseconds elapsed);

}  // namespace nai::app
