// SPDX-License-Identifier: Apache-2.0
#include "stragglers.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace nai::transfer {

namespace {

// A connection below this part of the median is a straggler ...
constexpr double k_far_below = 0.2;
// ... if there are enough others to compare it with ...
constexpr std::size_t k_least_others = 3;
// ... and it would still take this long.
constexpr double k_worth_redialing_seconds = 10;

}  // namespace

std::vector<std::uint64_t> Stragglers::observe(util::SteadyTime now,
                                               const std::vector<ActiveLease>& active) {
  struct Speed {
    const ActiveLease* lease;
    double bytes_per_second;
  };
  const double elapsed = std::max(std::chrono::duration<double>(now - m_last).count(), 1e-3);
  const auto before = std::exchange(m_claimed, {});
  m_last = now;
  std::vector<Speed> speeds;
  for (const ActiveLease& lease : active) {
    m_claimed[lease.lease.id] = lease.claimed;
    const auto known = before.find(lease.lease.id);
    const bool silent = lease.done_bytes() == 0;
    if (known != before.end() && lease.left_bytes() > 0 &&
        !(silent && now - lease.begun < ChunkQueue::patience(lease.lease))) {
      speeds.push_back({&lease, static_cast<double>(lease.claimed - known->second) / elapsed});
    }
  }
  if (speeds.size() <= k_least_others) {
    return {};
  }
  std::sort(speeds.begin(), speeds.end(),
            [](const Speed& a, const Speed& b) { return a.bytes_per_second < b.bytes_per_second; });
  const double bar = k_far_below * speeds[speeds.size() / 2].bytes_per_second;
  std::vector<std::uint64_t> result;
  for (const Speed& speed : speeds) {
    const auto left = static_cast<double>(speed.lease->left_bytes());
    if (speed.bytes_per_second < bar && left > k_worth_redialing_seconds * speed.bytes_per_second) {
      result.push_back(speed.lease->lease.id);
    }
  }
  return result;
}

}  // namespace nai::transfer
