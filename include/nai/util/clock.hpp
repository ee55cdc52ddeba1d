// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

namespace nai::util {

using SteadyTime = std::chrono::steady_clock::time_point;
using SystemTime = std::chrono::system_clock::time_point;

// Time as the rest of the program sees it; tests put a simulated one in its place.
class Clock {
 public:
  virtual ~Clock() = default;

  [[nodiscard]] virtual SteadyTime steady_now() const = 0;
  [[nodiscard]] virtual SystemTime system_now() const = 0;
  // Blocks until `deadline` or until `stop` is requested, whichever comes first.
  virtual void sleep_until(SteadyTime deadline, const std::stop_token& stop) = 0;
};

// The machine's clocks. Thread-safe.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime steady_now() const override;
  [[nodiscard]] SystemTime system_now() const override;
  void sleep_until(SteadyTime deadline, const std::stop_token& stop) override;
};

// "2026-03-01T12:34:56Z".
[[nodiscard]] std::string iso8601(SystemTime time);

}  // namespace nai::util
