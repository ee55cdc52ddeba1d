// SPDX-License-Identifier: Apache-2.0
#include "concurrency.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <nai/util/units.hpp>

namespace nai::transfer {

namespace {

using namespace std::chrono_literals;

// New connections need their handshakes before they count.
constexpr auto k_settling = 250ms;
// A measurement takes this long; a clear case shows sooner. With many connections a hasty step
// costs more than it brings: what all of them have in flight is lost when the process is killed.
constexpr auto k_window = 500ms;
constexpr auto k_clear_window = 200ms;
constexpr std::size_t k_most_for_haste = 16;
// Against what the connections before brought, and against what as many times more would bring.
constexpr double k_collapsed = 0.6;
constexpr double k_in_proportion = 0.85;
// So many looks in a row at less than this part of it are a collapse before the measurement begins:
// connections that are not there yet take nothing from the others.
constexpr double k_fallen = 0.4;
constexpr int k_fallen_looks = 2;
// Refusals of requests that were made before the number went down belong to the same burst.
constexpr auto k_burst = 1s;
// Twice the connections must bring at least this much more; other steps in proportion.
constexpr double k_worthwhile_gain = 0.15;
// Twice the connections that bring this much, neither less nor more, share what is full: the
// network, the disk or the processors. The numbers between would bring as little, and trying them
// costs.
constexpr double k_full_from = 0.8;
constexpr double k_full_to = 1.05;
// It may also have been a disturbance, of the disk or of a neighbour, that took what they brought:
// so it is tried once more before it counts.
constexpr std::chrono::seconds k_second_look{3};
// After all has been tried, the network may have changed.
constexpr std::chrono::seconds k_first_patience{30};
constexpr std::chrono::seconds k_longest_patience{600};
constexpr std::chrono::seconds k_first_collapse_patience{10};
constexpr std::chrono::seconds k_before_trying_fewer{10};
// A measurement after the other forgets so much of a better one before: what a neighbour took for a
// moment must not make more connections look better.
constexpr double k_remembered = 0.97;
// All is tried anew when so many measurements in a row brought less than this part of what it was.
constexpr double k_faded = 0.5;
constexpr int k_faded_looks = 6;

double seconds(util::SteadyTime::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string rate_text(double bytes_per_second) {
  return util::format_bytes(static_cast<std::uint64_t>(bytes_per_second)) + "/s";
}

}  // namespace

Concurrency::Concurrency(Limits limits)
    : m_limits(limits),
      m_target(std::min(limits.initial, limits.max)),
      m_good(m_target),
      m_bad(limits.max + 1),
      m_patience(k_first_patience),
      m_collapse_patience(k_first_collapse_patience) {}

std::string Concurrency::observe(const Sample& sample) {
  if (m_begun == util::SteadyTime{}) {
    m_begun = sample.time;
    m_changed = sample.time;
  }
  const Sample last = std::exchange(m_last, sample);
  if (sample.rate_limited > last.rate_limited && sample.time >= m_burst_end) {
    return back_off(sample);
  }
  // A measurement with idle connections says nothing of their number.
  if (sample.busy < m_target - m_target / 4) {
    m_window = sample;
    m_fallen_looks = 0;
    return {};
  }
  if (m_phase == Phase::growing && has_fallen(last, sample)) {
    return judge_growth(sample, rate_between(last, sample));
  }
  if (sample.time - m_changed < k_settling) {
    m_window = sample;
    return {};
  }
  const auto measured = sample.time - m_window.time;
  if (measured < k_clear_window) {
    return {};
  }
  const double rate = rate_between(m_window, sample);
  if (m_phase == Phase::growing && is_clear(rate)) {
    return judge_growth(sample, rate);
  }
  // The first measurement only sets the scale.
  if (measured < k_window && m_good_rate > 0) {
    return {};
  }
  switch (m_phase) {
    case Phase::growing:
      return judge_growth(sample, rate);
    case Phase::shrinking:
      return judge_shrinking(sample, rate);
    case Phase::holding:
      return hold(sample, rate);
  }
  return {};
}

double Concurrency::rate_between(const Sample& begin, const Sample& end) {
  return static_cast<double>(end.bytes - begin.bytes) /
         std::max(seconds(end.time - begin.time), 1e-3);
}

bool Concurrency::in_proportion(double rate) const {
  const double proportion = static_cast<double>(m_target) / static_cast<double>(m_good);
  return rate > k_in_proportion * proportion * m_good_rate;
}

bool Concurrency::is_clear(double rate) const {
  const bool grown = m_target <= k_most_for_haste && in_proportion(rate);
  return m_good_rate > 0 && (rate < k_collapsed * m_good_rate || grown);
}

bool Concurrency::has_fallen(const Sample& last, const Sample& sample) {
  const bool fallen = rate_between(last, sample) < k_fallen * m_good_rate;
  m_fallen_looks = fallen ? m_fallen_looks + 1 : 0;
  return m_fallen_looks >= k_fallen_looks;
}

std::string Concurrency::back_off(const Sample& sample) {
  m_bad = std::max<std::size_t>(m_target, 2);
  m_good = std::max<std::size_t>(m_target / 2, 1);
  m_good_rate = 0;
  m_best_rate = 0;
  m_next_probe = sample.time + m_patience;
  m_burst_end = sample.time + k_burst;
  m_urgent = true;
  if (m_good == m_target) {
    m_phase = Phase::holding;
    return {};
  }
  return change(sample, m_good, Phase::holding, "the server asks for fewer requests");
}

std::string Concurrency::judge_growth(const Sample& sample, double rate) {
  const double growth = static_cast<double>(m_target) / static_cast<double>(m_good) - 1;
  if (rate >= m_good_rate * (1 + k_worthwhile_gain * growth)) {
    if (!std::exchange(m_scale_is_sure, true) && !in_proportion(rate)) {
      m_good_rate = 0;
      return change(sample, m_good, Phase::holding, "to measure once more what they bring");
    }
    accept(sample, rate);
    return hold(sample, rate);
  }
  const bool full =
      growth >= 1 && rate > k_full_from * m_good_rate && rate < k_full_to * m_good_rate;
  m_bad = full ? m_good + 1 : m_target;
  if (full && !std::exchange(m_seen_full, true)) {
    m_bad = m_limits.max + 1;
    m_next_probe = sample.time + k_second_look;
  }
  const bool collapsed = rate < k_collapsed * m_good_rate;
  if (collapsed) {
    // Trying costs something here.
    m_next_probe = sample.time + m_collapse_patience;
    m_collapse_patience = std::min(m_collapse_patience * 2, k_longest_patience);
  }
  const auto why = fmt::format("{} connections bring {}, {} brought {}", m_target, rate_text(rate),
                               m_good, rate_text(m_good_rate));
  m_urgent = collapsed;
  return change(sample, m_good, Phase::holding, why);
}

std::string Concurrency::judge_shrinking(const Sample& sample, double rate) {
  if (rate >= m_good_rate * (1 + k_worthwhile_gain)) {
    m_bad = m_good;
    accept(sample, rate);
    return {};
  }
  return change(sample, m_good, Phase::holding,
                fmt::format("{} bring only {}", m_target, rate_text(rate)));
}

void Concurrency::accept(const Sample& sample, double rate) {
  m_good = m_target;
  m_good_rate = rate;
  m_phase = Phase::holding;
  m_window = sample;
  m_seen_full = false;
  m_patience = k_first_patience;
}

std::string Concurrency::hold(const Sample& sample, double rate) {
  m_window = sample;
  if (rate == 0) {
    return {};  // the network or the disk stands still, whatever the number
  }
  m_good_rate = std::max(rate, k_remembered * m_good_rate);
  m_best_rate = std::max(rate, m_best_rate * 0.99);
  m_faded_looks = rate < k_faded * m_best_rate ? m_faded_looks + 1 : 0;
  if (m_faded_looks >= k_faded_looks && sample.time - m_begun >= k_first_patience) {
    return begin_again(sample, rate);
  }
  if (const std::size_t next = next_level(); next > m_target && sample.time >= m_next_probe) {
    return change(sample, next, Phase::growing,
                  fmt::format("{} bring {}", m_target, rate_text(rate)));
  }
  const bool stuck = m_bad <= m_limits.max && m_target > 1 && m_target == m_limits.initial;
  if (stuck && !m_tried_fewer && sample.time - m_begun >= k_before_trying_fewer) {
    // Not even the first step up brought anything: perhaps the start was too high already.
    return try_fewer(sample, rate);
  }
  if (m_next_probe <= sample.time) {
    // Everything is tried. Some day more may be right.
    m_next_probe = sample.time + m_patience;
    m_patience = std::min(m_patience * 2, k_longest_patience);
    m_bad = m_limits.max + 1;
  }
  return {};
}

std::string Concurrency::try_fewer(const Sample& sample, double rate) {
  m_tried_fewer = true;
  m_good_rate = rate;  // they are compared with what comes now
  m_urgent = true;     // or it would not show whether fewer bring more
  return change(sample, std::max<std::size_t>(m_target / 2, 1), Phase::shrinking,
                "perhaps fewer bring more");
}

// Half of them would not show it: a host that slows many connections down does it to half as many
// too.
std::string Concurrency::begin_again(const Sample& sample, double rate) {
  const Sample last = m_last;
  *this = Concurrency(m_limits);
  m_last = last;
  m_begun = sample.time;
  m_urgent = true;
  return change(sample, m_target, Phase::holding,
                fmt::format("the rate fell to {}", rate_text(rate)));
}

// Twice as many while nothing is known to be too many, then the middle.
std::size_t Concurrency::next_level() const {
  if (m_bad > m_limits.max) {
    return std::min(2 * m_good, m_limits.max);
  }
  const std::size_t room = m_bad - m_good;
  return room > std::max<std::size_t>(1, m_good / 4) ? m_good + room / 2 : m_good;
}

std::string Concurrency::change(const Sample& sample, std::size_t target, Phase phase,
                                std::string why) {
  m_changed = sample.time;
  m_window = sample;
  m_fallen_looks = 0;
  m_phase = phase;
  m_target = target;
  return why;
}

}  // namespace nai::transfer
