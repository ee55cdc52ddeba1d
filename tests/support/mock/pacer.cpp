// SPDX-License-Identifier: Apache-2.0
#include "support/mock/pacer.hpp"

#include <algorithm>

namespace mock {

namespace {

// What an idle line may catch up; covers the inexactness of sleeping.
constexpr std::chrono::milliseconds k_burst{10};

}  // namespace

Pacer::Clock::time_point Pacer::book(std::uint64_t count, std::uint64_t bytes_per_second) {
  if (bytes_per_second == 0) {
    return {};
  }
  const std::chrono::duration<double> cost(static_cast<double>(count) /
                                           static_cast<double>(bytes_per_second));
  const std::lock_guard lock(m_mutex);
  const Clock::time_point start = std::max(m_next_free, Clock::now() - k_burst);
  m_next_free = start + std::chrono::duration_cast<Clock::duration>(cost);
  return m_next_free;
}

}  // namespace mock
