// SPDX-License-Identifier: Apache-2.0
#include "support/mock/rate_limiter.hpp"

#include <algorithm>

namespace mock {

RateLimiter::Standing RateLimiter::take(bool resolver, std::int64_t now) {
  Standing standing{.bucket = resolver ? "resolvers" : "api",
                    .quota = resolver ? m_quotas.resolvers : m_quotas.api,
                    .window_seconds = m_quotas.window_seconds};
  const std::lock_guard lock(m_mutex);
  Window& window = resolver ? m_resolvers : m_api;
  const std::int64_t begin = now - now % m_quotas.window_seconds;
  if (window.begin != begin) {
    window = {.begin = begin, .used = 0};
  }
  standing.refused = window.used >= standing.quota;
  window.used += standing.refused ? 0 : 1;
  standing.remaining = standing.quota - window.used;
  standing.seconds_to_reset = begin + m_quotas.window_seconds - now;
  return standing;
}

}  // namespace mock
