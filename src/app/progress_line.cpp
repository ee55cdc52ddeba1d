// SPDX-License-Identifier: Apache-2.0
#include "app/progress_line.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <nai/util/units.hpp>

namespace nai::app {

namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

constexpr Seconds k_rate_window = 10s;
constexpr Seconds k_time_left_window = 60s;
// The first moments, with connections still opening, foretell nothing.
constexpr Seconds k_time_left_after = 2s;
constexpr std::chrono::seconds k_stalled_after = 15s;

double difference(std::uint64_t now, std::uint64_t before) {
  return now > before ? static_cast<double>(now - before) : 0;
}

bool moved(const ProgressState& a, const ProgressState& b) {
  return a.bytes_received != b.bytes_received || a.bytes_hashed != b.bytes_hashed ||
         a.bytes_present != b.bytes_present || a.files_done != b.files_done ||
         a.files_total != b.files_total;
}

// In tenths, rounded down: 100.0 means that all is done.
double percent(const ProgressState& state) {
  if (state.files_done >= state.files_total) {
    return state.files_total == 0 ? 0 : 100;
  }
  if (state.bytes_total == 0) {
    return 0;
  }
  const double share =
      static_cast<double>(state.bytes_present) / static_cast<double>(state.bytes_total);
  return std::min(99.9, std::floor(share * 1000) / 10);
}

// Rounded down, so that two figures are equal only when it is all there.
std::string hundredths(std::uint64_t bytes, std::uint64_t scale) {
  return fmt::format("{}.{:02}", bytes / scale, bytes % scale / (scale / 100));
}

// Coarser as it gets longer: nobody needs the seconds of an hour.
std::chrono::seconds rounded(std::chrono::seconds left) {
  const auto step = left < 60s ? 1s : left < 600s ? 5s : std::chrono::seconds(60s);
  return (left + step / 2) / step * step;
}

std::string activity(const ProgressState& state, const Pace& pace) {
  if (pace.idle >= k_stalled_after) {
    const bool all_here = state.bytes_present >= state.bytes_total;
    return fmt::format("stalled, nothing {} for {}", all_here ? "verified" : "received",
                       util::format_duration(pace.idle));
  }
  if (state.bytes_present >= state.bytes_total) {
    return "verifying";
  }
  // Below one byte a second what is left of the mean is its tail.
  if (pace.received_per_second < 1 && pace.hashed_per_second >= 1) {
    return fmt::format("checking what is there, {}", util::format_rate(pace.hashed_per_second));
  }
  auto text = util::format_rate(pace.received_per_second);
  if (pace.left) {
    text += fmt::format(" - {} left", util::format_duration(rounded(*pace.left)));
  }
  return text;
}

// The one figure that matters most when there is no room for others.
std::string brief_activity(const ProgressState& state, const Pace& pace) {
  if (pace.idle >= k_stalled_after) {
    return fmt::format("stalled {}", util::format_duration(pace.idle));
  }
  if (state.bytes_present >= state.bytes_total) {
    return "verifying";
  }
  return pace.left ? fmt::format("{} left", util::format_duration(rounded(*pace.left)))
                   : util::format_rate(std::max(pace.received_per_second, pace.hashed_per_second));
}

std::string resumed(const ProgressState& state) {
  return state.bytes_reused == 0
             ? std::string()
             : fmt::format(" (resumed {})", util::format_bytes(state.bytes_reused));
}

double average_rate(const ProgressState& state, std::chrono::milliseconds taken) {
  return static_cast<double>(state.bytes_received) / std::max(0.001, Seconds(taken).count());
}

// " (3 connection, 1 rate limited)"; empty where nothing was tried again.
std::string causes(const ProgressState& state) {
  std::string text;
  const auto add = [&](std::uint64_t count, std::string_view cause) {
    if (count > 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, cause);
    }
  };
  const auto by_cause = retries_by_cause(state);
  add(by_cause[0].second, "connection");
  add(by_cause[1].second, "refused");
  add(by_cause[2].second, "rate limited");
  return text.empty() ? text : " (" + text + ")";
}

// The last one whether it fits or not.
std::string first_that_fits(std::initializer_list<std::string> texts, std::size_t width) {
  const auto* const last = std::prev(texts.end());
  return *std::find_if(texts.begin(), last, [&](const auto& text) { return text.size() <= width; });
}

std::string plural(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace

std::string bytes_of(std::uint64_t part, std::uint64_t whole) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> k_units{
      {{"TB", 1'000'000'000'000}, {"GB", 1'000'000'000}, {"MB", 1'000'000}, {"kB", 1'000}}};
  part = std::min(part, whole);
  for (const auto& [unit, scale] : k_units) {
    if (whole >= scale) {
      return fmt::format("{} of {} {}", hundredths(part, scale), hundredths(whole, scale), unit);
    }
  }
  return fmt::format("{} of {} B", part, whole);
}

ProgressState snapshot(const transfer::Progress& progress) {
  return {.files_total = progress.files_total,
          .files_done = progress.files_done,
          .bytes_total = progress.bytes_total,
          .bytes_present = progress.bytes_present,
          .bytes_reused = progress.bytes_reused,
          .bytes_received = progress.bytes_received,
          .bytes_hashed = progress.bytes_hashed,
          .connections = progress.connections,
          .retries = progress.retries,
          .retries_rate_limited = progress.rate_limited,
          .retries_refused = progress.refused};
}

std::array<std::pair<std::string_view, std::uint64_t>, 3> retries_by_cause(
    const ProgressState& state) {
  const auto told = state.retries_refused + state.retries_rate_limited;
  return {{{"connection", state.retries - std::min(state.retries, told)},
           {"refused", state.retries_refused},
           {"rate_limited", state.retries_rate_limited}}};
}

void RateMeter::Mean::add(double bytes, Seconds time) {
  const double kept = std::exp(-time / window);
  amount = amount * kept + bytes;
  weight = weight * kept + time.count();
}

RateMeter::RateMeter(util::SteadyTime start)
    : m_last(start),
      m_last_movement(start),
      m_received{.window = k_rate_window},
      m_hashed{.window = k_rate_window},
      m_present{.window = k_time_left_window} {}

void RateMeter::add(util::SteadyTime now, const ProgressState& state) {
  const Seconds time = now - m_last;
  m_received.add(difference(state.bytes_received, m_state.bytes_received), time);
  m_hashed.add(difference(state.bytes_hashed, m_state.bytes_hashed), time);
  // What was found on the volume was not fetched, and says nothing about the time left.
  const auto fetched = [](const ProgressState& s) {
    return s.bytes_present - std::min(s.bytes_present, s.bytes_reused);
  };
  m_present.add(difference(fetched(state), fetched(m_state)), time);
  if (moved(state, m_state)) {
    m_last_movement = now;
  }
  m_last = now;
  m_state = state;
}

Pace RateMeter::pace() const {
  Pace pace{.received_per_second = m_received.rate(),
            .hashed_per_second = m_hashed.rate(),
            .idle = std::chrono::floor<std::chrono::seconds>(m_last - m_last_movement)};
  if (m_present.weight < k_time_left_after.count()) {
    return pace;
  }
  const double rate = m_present.rate();
  const double left = difference(m_state.bytes_total, m_state.bytes_present);
  constexpr double k_a_year = 365.0 * 86400;
  if (rate >= 1 && left / rate < k_a_year) {
    pace.left = std::chrono::seconds(std::max(1LL, std::llround(left / rate)));
  }
  return pace;
}

std::string progress_line(const ProgressState& state, const Pace& pace) {
  if (state.files_total == 0) {
    return "Progress: looking at what is on the volume";
  }
  return fmt::format("Progress: {:.1f} % - {} - {}/{} files - {}{}", percent(state),
                     bytes_of(state.bytes_present, state.bytes_total), state.files_done,
                     state.files_total, activity(state, pace), resumed(state));
}

std::string progress_bar(const ProgressState& state, const Pace& pace, std::size_t width) {
  constexpr std::size_t k_widest = 40;
  constexpr std::size_t k_narrowest = 10;
  if (state.files_total == 0) {
    return first_that_fits({"looking at what is on the volume", "looking around"}, width);
  }
  const auto share = fmt::format("{:5.1f} %", percent(state));
  const auto amount = bytes_of(state.bytes_present, state.bytes_total);
  const auto brief = brief_activity(state, pace);
  const auto text = fmt::format("{}  {}  {}/{} files  {}", share, amount, state.files_done,
                                state.files_total, activity(state, pace));
  const std::size_t frame = text.size() + 4;
  if (width < frame + k_narrowest) {
    return first_that_fits({text, fmt::format("{}  {}  {}", share, amount, brief),
                            fmt::format("{}  {}", share, brief), share},
                           width);
  }
  const auto cells = std::min(width - frame, k_widest);
  const auto full = static_cast<std::size_t>(percent(state) / 100 * static_cast<double>(cells));
  return fmt::format("[{}{}] {}", std::string(full, '='), std::string(cells - full, ' '), text);
}

util::Fields progress_fields(const ProgressState& state, const Pace& pace) {
  util::Fields fields{{"percent", percent(state)},
                      {"bytes_done", state.bytes_present},
                      {"bytes_total", state.bytes_total},
                      {"files_done", state.files_done},
                      {"files_total", state.files_total},
                      {"bytes_per_second", static_cast<std::uint64_t>(pace.received_per_second)},
                      {"bytes_resumed", state.bytes_reused},
                      {"bytes_received", state.bytes_received},
                      {"connections", state.connections},
                      {"retries", state.retries},
                      {"seconds_idle", static_cast<std::uint64_t>(pace.idle.count())}};
  if (pace.left) {
    fields.emplace_back("seconds_left", static_cast<std::uint64_t>(pace.left->count()));
  }
  return fields;
}

std::string found_line(const ProgressState& state, std::uint64_t files_to_check) {
  const auto to_check = plural(files_to_check, "file", "files");
  if (state.bytes_reused == 0) {
    return files_to_check == 0
               ? std::string("Progress: nothing of it is on the volume yet")
               : fmt::format("Progress: {} on the volume, to be checked first", to_check);
  }
  auto line =
      fmt::format("Progress: resuming at {:.1f} % - {} are on the volume - {}/{} files complete",
                  percent(state), bytes_of(state.bytes_reused, state.bytes_total), state.files_done,
                  state.files_total);
  if (files_to_check > 0) {
    line += fmt::format(" - {} more to be checked first", to_check);
  }
  return line;
}

std::string summary_line(const ProgressState& state, std::chrono::milliseconds taken,
                         std::string_view checked) {
  auto line = fmt::format("Progress: done - {}, {}, {}", plural(state.files_total, "file", "files"),
                          util::format_bytes(state.bytes_total), checked);
  const auto time = util::format_duration(std::chrono::round<std::chrono::seconds>(taken));
  if (state.bytes_received == 0) {
    return fmt::format("{} - nothing had to be fetched - took {}", line, time);
  }
  line += fmt::format(" - fetched {} in {} ({})", util::format_bytes(state.bytes_received), time,
                      util::format_rate(average_rate(state, taken)));
  if (state.bytes_reused > 0) {
    line += fmt::format(" - resumed {}", util::format_bytes(state.bytes_reused));
  }
  return line + " - " + plural(state.retries, "retry", "retries") + causes(state);
}

util::Fields summary_fields(const ProgressState& state, std::chrono::milliseconds taken) {
  return {{"files", state.files_total},
          {"bytes", state.bytes_total},
          {"bytes_fetched", state.bytes_received},
          {"bytes_resumed", state.bytes_reused},
          {"bytes_hashed", state.bytes_hashed},
          {"seconds", Seconds(taken).count()},
          {"bytes_per_second", static_cast<std::uint64_t>(average_rate(state, taken))},
          {"retries", state.retries},
          {"retries_connection", retries_by_cause(state)[0].second},
          {"retries_refused", state.retries_refused},
          {"retries_rate_limited", state.retries_rate_limited}};
}

std::chrono::milliseconds report_interval(const std::optional<std::chrono::milliseconds>& fixed,
                                          std::chrono::milliseconds elapsed) {
  if (fixed) {
    return *fixed;
  }
  return elapsed < 10min ? 10s : elapsed < 1h ? 30s : 60s;
}

}  // namespace nai::app
