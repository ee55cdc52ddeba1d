// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace mock {

// Requests allowed in a fixed window, as an enterprise plan has them.
struct Quotas {
  std::int64_t api = 6000;
  std::int64_t resolvers = 50000;
  std::int64_t window_seconds = 300;
};

// Counts requests in fixed windows. All members may be called from any thread.
class RateLimiter {
 public:
  explicit RateLimiter(const Quotas& quotas) : m_quotas(quotas) {}

  struct Standing {
    std::string bucket;
    std::int64_t quota = 0;
    std::int64_t remaining = 0;
    std::int64_t seconds_to_reset = 0;
    std::int64_t window_seconds = 0;
    bool refused = false;
  };
  // Takes one request from "api" or "resolvers".
  Standing take(bool resolver, std::int64_t now);

 private:
  struct Window {
    std::int64_t begin = 0;
    std::int64_t used = 0;
  };

  const Quotas m_quotas;
  std::mutex m_mutex;
  Window m_api;
  Window m_resolvers;
};

}  // namespace mock
