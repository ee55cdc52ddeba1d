// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <random>

#include <nai/http/message.hpp>

namespace nai::http {

// What one attempt means for the next.
enum class Verdict {
  success,       // 2xx and 304
  redirect,      // 3xx with a Location
  retry,         // transport trouble, 408, 500, 502, 503, 504 and the like
  rate_limited,  // 429, or 503 with Retry-After
  fatal,         // anything else: asking again changes nothing
  stopped,       // stop was requested
};

// By status and transport error alone; a signed location's 403 is the caller's business. A
// certificate that is not trusted is fatal.
[[nodiscard]] Verdict classify(const Response& response);

struct RetryPolicy {
  std::chrono::milliseconds base_delay{500};
  std::chrono::milliseconds rate_limited_base_delay{5'000};
  std::chrono::milliseconds max_delay{60'000};
  int max_attempts = 10;  // in a row without a byte of progress
};

// The wait before attempt `attempt` + 1 (`attempt` counts from 1): exponential, capped, full jitter
// over the upper half; the server's wish (Retry-After or RateLimit) is a floor and is never
// shortened, up to one hour.
[[nodiscard]] std::chrono::milliseconds retry_delay(const RetryPolicy& policy, int attempt,
                                                    Verdict verdict,
                                                    std::optional<std::chrono::seconds> server_wish,
                                                    std::mt19937& rng);

// The server's wish in a response: Retry-After, else RateLimit with r=0. Dates count from the
// response's own Date where it has one, since this machine's clock may be wrong.
[[nodiscard]] std::optional<std::chrono::seconds> server_wish(
    const Response& response, std::chrono::system_clock::time_point now);

}  // namespace nai::http
