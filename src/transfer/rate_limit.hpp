// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>

#include <nai/util/clock.hpp>

namespace nai::transfer {

// Spreads bytes over time, for links that others need too. Thread-safe; never waits itself.
class RateLimit {
 public:
  explicit RateLimit(std::uint64_t bytes_per_second) : m_bytes_per_second(bytes_per_second) {}

  // Counts `bytes` that have just come; returns when the caller may take more. What was not used is
  // not saved up, but for a moment.
  [[nodiscard]] util::SteadyTime reserve(std::uint64_t bytes, util::SteadyTime now);

 private:
  std::uint64_t m_bytes_per_second;
  std::mutex m_mutex;
  util::SteadyTime m_next{};
};

}  // namespace nai::transfer
