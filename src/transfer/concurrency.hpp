// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <nai/util/clock.hpp>

namespace nai::transfer {

// Finds the number of connections that brings the most, while the transfer goes on: doubles it as
// long as the total rate grows with it, goes back when more connections bring nothing or less, and
// then narrows the number down between the last good and the first bad one, unless twice as many
// brought the same, and so what they share is full. Content hosts differ: with a cap on each
// connection 64 are right, and others answer more than a few at a time by slowing all of them down
// to nothing. Pure: it sees numbers and has no clock.
class Concurrency {
 public:
  struct Limits {
    std::size_t initial = 4;
    std::size_t max = 64;
  };
  // What is known at a moment; the counts only grow.
  struct Sample {
    util::SteadyTime time;
    std::uint64_t bytes = 0;         // received since the start
    std::uint64_t failures = 0;      // attempts that failed
    std::uint64_t rate_limited = 0;  // of those, because the server asked for fewer
    std::size_t busy = 0;            // connections in use now
  };

  explicit Concurrency(Limits limits);

  // The number of connections to use.
  [[nodiscard]] std::size_t target() const { return m_target; }
  // Whether the connections above the target do harm, and must not finish what they are at.
  [[nodiscard]] bool urgent() const { return m_urgent; }
  // Call it several times a second. Says why when it changes the target or begins anew with it;
  // else empty.
  [[nodiscard]] std::string observe(const Sample& sample);

 private:
  enum class Phase { holding, growing, shrinking };

  // Whether so many times more bring about as many times as much.
  [[nodiscard]] bool in_proportion(double rate) const;
  // Whether a short measurement is enough to tell what more connections bring.
  [[nodiscard]] bool is_clear(double rate) const;
  [[nodiscard]] std::string back_off(const Sample& sample);
  [[nodiscard]] std::string judge_growth(const Sample& sample, double rate);
  [[nodiscard]] std::string judge_shrinking(const Sample& sample, double rate);
  [[nodiscard]] std::string hold(const Sample& sample, double rate);
  [[nodiscard]] std::string try_fewer(const Sample& sample, double rate);
  // What was found out no longer holds.
  [[nodiscard]] std::string begin_again(const Sample& sample, double rate);
  [[nodiscard]] std::size_t next_level() const;
  std::string change(const Sample& sample, std::size_t target, Phase phase, std::string why);
  void accept(const Sample& sample, double rate);
  [[nodiscard]] bool has_fallen(const Sample& last, const Sample& sample);
  // Bytes a second.
  [[nodiscard]] static double rate_between(const Sample& begin, const Sample& end);

  Limits m_limits;
  std::size_t m_target;
  Phase m_phase = Phase::holding;
  std::size_t m_good;      // the best number so far
  double m_good_rate = 0;  // bytes a second with it; 0: not measured yet
  // The first measurement, which the others are compared with, was confirmed: a run is slow at its
  // very beginning.
  bool m_scale_is_sure = false;
  double m_best_rate = 0;  // the best ever seen, forgotten slowly
  std::size_t m_bad;       // the smallest number known to be no better; max + 1: none
  bool m_urgent = false;
  bool m_tried_fewer = false;
  bool m_seen_full = false;  // with m_good, once
  int m_fallen_looks = 0;
  int m_faded_looks = 0;
  util::SteadyTime m_begun{};
  util::SteadyTime m_changed{};
  util::SteadyTime m_next_probe{};
  util::SteadyTime m_burst_end{};
  std::chrono::seconds m_patience;
  std::chrono::seconds m_collapse_patience;
  Sample m_window{};  // the beginning of the measurement
  Sample m_last{};
};

}  // namespace nai::transfer
