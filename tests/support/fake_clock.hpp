// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <mutex>
#include <stop_token>
#include <vector>

#include <nai/util/clock.hpp>

namespace nai::test {

// A clock that stands still until somebody sleeps: then it is at once as late as that. Thread-safe.
class FakeClock final : public util::Clock {
 public:
  // 2026-03-01T12:00:00Z.
  explicit FakeClock(util::SystemTime start = util::SystemTime{std::chrono::seconds{1'772'366'400}})
      : m_system(start) {}

  [[nodiscard]] util::SteadyTime steady_now() const override {
    const std::scoped_lock lock(m_mutex);
    return m_steady;
  }
  [[nodiscard]] util::SystemTime system_now() const override {
    const std::scoped_lock lock(m_mutex);
    return m_system;
  }
  void sleep_until(util::SteadyTime deadline, const std::stop_token& stop) override {
    const std::scoped_lock lock(m_mutex);
    if (!stop.stop_requested() && deadline > m_steady) {
      m_waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - m_steady));
      move(deadline - m_steady);
    }
  }

  void advance(std::chrono::nanoseconds duration) {
    const std::scoped_lock lock(m_mutex);
    move(duration);
  }
  // How long each sleep was to last.
  [[nodiscard]] std::vector<std::chrono::milliseconds> waits() const {
    const std::scoped_lock lock(m_mutex);
    return m_waits;
  }

 private:
  void move(std::chrono::nanoseconds duration) {
    m_steady += std::chrono::duration_cast<util::SteadyTime::duration>(duration);
    m_system += std::chrono::duration_cast<util::SystemTime::duration>(duration);
  }

  mutable std::mutex m_mutex;
  util::SteadyTime m_steady{std::chrono::hours{1}};
  util::SystemTime m_system;
  std::vector<std::chrono::milliseconds> m_waits;
};

}  // namespace nai::test
