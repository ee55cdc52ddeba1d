// SPDX-License-Identifier: Apache-2.0
#include <nai/util/clock.hpp>

#include <condition_variable>
#include <ctime>
#include <mutex>

#include <fmt/format.h>

namespace nai::util {

SteadyTime SystemClock::steady_now() const { return std::chrono::steady_clock::now(); }

SystemTime SystemClock::system_now() const { return std::chrono::system_clock::now(); }

void SystemClock::sleep_until(SteadyTime deadline, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_until(lock, stop, deadline, [] { return false; });
}

std::string iso8601(SystemTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace nai::util
