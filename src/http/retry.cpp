// SPDX-License-Identifier: Apache-2.0
#include <nai/http/retry.hpp>

#include <algorithm>

namespace nai::http {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds k_longest_wish = std::chrono::hours{1};

Verdict classify_error(const TransportError& error) {
  switch (error.failure) {
    case TransportFailure::stopped:
      return Verdict::stopped;
    case TransportFailure::tls_untrusted:
      return Verdict::fatal;
    default:
      return Verdict::retry;
  }
}

Verdict classify_status(const Response& response) {
  const int status = response.status;
  if ((status >= 200 && status < 300) || status == 304) {
    return Verdict::success;
  }
  if (status >= 300 && status < 400) {
    return response.headers.find("Location") ? Verdict::redirect : Verdict::fatal;
  }
  if (status == 429 || (status == 503 && response.headers.find("Retry-After"))) {
    return Verdict::rate_limited;
  }
  // 501 and 505 say that the server cannot do this at all; 425 is "too early".
  const bool passing = status == 408 || status == 425 ||
                       (status >= 500 && status < 600 && status != 501 && status != 505);
  // No status and no error: the client saw nothing at all, which is trouble on the wire as well.
  return passing || status == 0 ? Verdict::retry : Verdict::fatal;
}

}  // namespace

Verdict classify(const Response& response) {
  return response.error ? classify_error(*response.error) : classify_status(response);
}

milliseconds retry_delay(const RetryPolicy& policy, int attempt, Verdict verdict,
                         std::optional<std::chrono::seconds> server_wish, std::mt19937& rng) {
  milliseconds delay =
      verdict == Verdict::rate_limited ? policy.rate_limited_base_delay : policy.base_delay;
  for (int i = 1; i < attempt && delay < policy.max_delay; ++i) {
    delay *= 2;
  }
  delay = std::min(delay, policy.max_delay);
  std::uniform_int_distribution<milliseconds::rep> jitter(delay.count() / 2, delay.count());
  delay = milliseconds{jitter(rng)};
  if (server_wish) {
    // Spread a little above the floor, or all workers would come back in the same instant.
    std::uniform_int_distribution<milliseconds::rep> spread(0, policy.base_delay.count());
    const milliseconds floor = std::min<milliseconds>(*server_wish, k_longest_wish);
    delay = std::max(delay, floor + milliseconds{spread(rng)});
  }
  return delay;
}

std::optional<std::chrono::seconds> server_wish(const Response& response,
                                                std::chrono::system_clock::time_point now) {
  if (const auto retry_after = response.headers.find("Retry-After")) {
    const auto date = parse_http_date(response.headers.find("Date").value_or(""));
    if (const auto wait = parse_retry_after(*retry_after, date.value_or(now))) {
      return wait;
    }
  }
  const auto rate_limit = response.headers.find("RateLimit");
  return rate_limit ? parse_rate_limit_wait(*rate_limit) : std::nullopt;
}

}  // namespace nai::http
