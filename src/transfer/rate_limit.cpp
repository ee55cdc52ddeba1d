// SPDX-License-Identifier: Apache-2.0
#include "rate_limit.hpp"

#include <algorithm>
#include <chrono>

namespace nai::transfer {

namespace {

// Covers the jitter of sleeping, so that the limit is reached.
constexpr std::chrono::milliseconds k_saved_up{20};

}  // namespace

util::SteadyTime RateLimit::reserve(std::uint64_t bytes, util::SteadyTime now) {
  const std::chrono::duration<double> cost(static_cast<double>(bytes) /
                                           static_cast<double>(m_bytes_per_second));
  const std::scoped_lock lock(m_mutex);
  m_next = std::max(m_next, now - k_saved_up) +
           std::chrono::duration_cast<util::SteadyTime::duration>(cost);
  return m_next;
}

}  // namespace nai::transfer
