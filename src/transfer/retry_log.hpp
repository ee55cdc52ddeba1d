// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include <nai/source/source.hpp>
#include <nai/util/clock.hpp>
#include <nai/util/log.hpp>

namespace nai::transfer {

// Tells of failed attempts. What has one cause comes in bursts, of all connections at once: the
// first of a burst is a warning, the others are counted and told with a later one, less and less
// often. At debug level each is told. Thread-safe.
class RetryLog {
 public:
  struct Retry {
    const std::string& path;
    const source::FetchResult& result;
    int failures = 0;  // in a row
    std::chrono::milliseconds delay{0};
  };

  // Both must outlive it.
  RetryLog(util::Clock& clock, util::Log& log) : m_clock(clock), m_log(log) {}

  void tell(const Retry& retry);

 private:
  struct Burst {
    bool begun = false;
    util::SteadyTime told = {};
    util::SteadyTime last = {};
    std::chrono::milliseconds pause{0};  // from the last line to the next
    std::uint64_t held_back = 0;         // since the last line
  };
  // Empty when the retry is one of those held back; else how many were, and since when.
  struct Told {
    bool now = false;
    std::uint64_t held_back = 0;
    std::chrono::seconds since{0};
  };
  [[nodiscard]] Told note(std::size_t kind);

  util::Clock& m_clock;
  util::Log& m_log;
  std::mutex m_mutex;
  std::array<Burst, 3> m_bursts;  // by kind
};

}  // namespace nai::transfer
