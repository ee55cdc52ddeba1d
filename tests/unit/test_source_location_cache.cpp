// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <source/hugging_face/location_cache.hpp>

namespace nai::source {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// 2026-03-01T12:00:00Z.
constexpr util::SystemTime k_noon{seconds{1'772'366'400}};
constexpr util::SteadyTime k_start{std::chrono::hours{1}};

http::Url url(const std::string& query) {
  return http::Url::parse("https://cdn/x" + (query.empty() ? "" : "?" + query)).value();
}

Location location(const std::string& query, util::SteadyTime good_until = k_start + minutes{50}) {
  return {.url = url(query), .good_until = good_until};
}

std::string query_of(const LocationCache::Answer& answer) {
  return std::get<LocationCache::Known>(answer).location.url.query();
}

LocationCache::Answer acquire(LocationCache& cache, const std::string& path = "a",
                              util::SteadyTime now = k_start) {
  return cache.acquire(path, now, {});
}

TEST_CASE("location: how long it is good", "[source]") {
  struct Row {
    std::string name;
    std::string query;
    std::optional<util::SystemTime> server_time;
    util::SystemTime local_time;
    seconds lifetime;
  };
  const util::SystemTime day_late = k_noon + std::chrono::hours{24};
  const util::SystemTime day_early = k_noon - std::chrono::hours{24};
  const std::string s3 = "X-Amz-Date=20260301T120000Z&X-Amz-Expires=3600";
  const std::string google = "X-Goog-Date=20260301T120000Z&X-Goog-Expires=600";
  const std::string cloudfront = "Expires=1772370000&Policy=p&Signature=s";
  const std::vector<Row> rows = {
      {"no signature", "", k_noon, k_noon, minutes{50}},
      {"fresh", s3, k_noon, k_noon, minutes{50}},
      {"half gone", s3, k_noon + minutes{30}, k_noon, minutes{25}},
      {"gone", s3, k_noon + minutes{61}, k_noon, seconds{0}},
      {"signed a moment ahead", s3, k_noon - seconds{5}, k_noon, minutes{50}},
      {"this clock a day late", s3, k_noon, day_late, minutes{50}},
      {"no Date, this clock a day late", s3, {}, day_late, minutes{50}},
      {"no Date, this clock a day early", s3, {}, day_early, minutes{50}},
      {"short", "X-Amz-Date=20260301T120000Z&X-Amz-Expires=6", k_noon, k_noon, seconds{5}},
      {"no signing date", "X-Amz-Expires=600", k_noon, k_noon, seconds{500}},
      {"bad signing date", "X-Amz-Date=20261301T120000Z&X-Amz-Expires=600", k_noon, k_noon,
       seconds{500}},
      {"Google's", google, k_noon, k_noon, seconds{500}},
      {"CloudFront's", cloudfront, k_noon, k_noon, minutes{50}},
      {"CloudFront's, this clock a day late", cloudfront, k_noon, day_late, minutes{50}},
      {"CloudFront's, no Date", cloudfront, {}, k_noon, minutes{50}},
      {"CloudFront's, no Date, clock late", cloudfront, {}, day_late, minutes{50}},
      {"CloudFront's, no Date, clock early", cloudfront, {}, day_early, minutes{60 * 25 - 10}},
      {"CloudFront's, gone", cloudfront, k_noon + minutes{61}, k_noon, seconds{0}},
      {"nonsense", "X-Amz-Expires=-1&Expires=soon", k_noon, k_noon, minutes{50}},
      {"beyond reason", "Expires=18446744073709551615", k_noon, k_noon, minutes{50}},
      {"for ever", "X-Amz-Expires=100000000", k_noon, k_noon, std::chrono::hours{24 * 7}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(location_lifetime(url(row.query), row.server_time, row.local_time) == row.lifetime);
  }
}

TEST_CASE("location cache: one asks, the answer serves while it is good", "[source]") {
  LocationCache cache(10);
  CHECK(std::holds_alternative<LocationCache::Ask>(acquire(cache)));
  cache.found("a", location("1"));
  CHECK(query_of(acquire(cache)) == "1");
  CHECK(query_of(acquire(cache, "a", k_start + minutes{49})) == "1");
  CHECK(std::holds_alternative<LocationCache::Ask>(acquire(cache, "a", k_start + minutes{50})));
  CHECK(std::holds_alternative<LocationCache::Ask>(acquire(cache, "b")));
}

TEST_CASE("location cache: only the generation meant is invalidated", "[source]") {
  LocationCache cache(10);
  const std::uint64_t first = cache.found("a", location("1"));
  const std::uint64_t second = cache.found("a", location("2"));
  CHECK_FALSE(cache.invalidate("a", first));
  CHECK(query_of(acquire(cache)) == "2");
  CHECK(cache.invalidate("a", second));
  CHECK_FALSE(cache.invalidate("a", second));
  CHECK_FALSE(cache.invalidate("unknown", 1));
  CHECK(std::holds_alternative<LocationCache::Ask>(acquire(cache)));
  cache.found("a", location("3"));
  cache.forget("a");
  cache.forget("unknown");
  CHECK(std::holds_alternative<LocationCache::Ask>(acquire(cache)));
}

// Starts a thread that waits for the location of "a", which somebody asks for. When it comes too
// late for that and is to ask itself, it fails at once in the same words.
std::future<LocationCache::Answer> waiter(LocationCache& cache) {
  return std::async(std::launch::async, [&] {
    LocationCache::Answer answer = acquire(cache);
    if (const auto* ask = std::get_if<LocationCache::Ask>(&answer)) {
      const FetchResult refusal{.verdict = http::Verdict::rate_limited, .cause = "slow down"};
      cache.failed("a", ask->round, refusal);
      answer = LocationCache::Failure(refusal);
    }
    return answer;
  });
}

TEST_CASE("location cache: who waits gets what came of the asking", "[source]") {
  LocationCache cache(10);
  const auto ask = std::get<LocationCache::Ask>(acquire(cache));
  std::vector<std::future<LocationCache::Answer>> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.push_back(waiter(cache));
  }
  SECTION("a location") {
    cache.found("a", location("1"));
    for (auto& each : waiters) {
      CHECK(query_of(each.get()) == "1");
    }
  }
  SECTION("a location that another thread learned") {
    cache.found("a", location("1"));
    cache.failed("a", ask.round, FetchResult{.verdict = http::Verdict::retry});
    for (auto& each : waiters) {
      CHECK(query_of(each.get()) == "1");
    }
  }
  SECTION("a failure") {
    cache.failed("a", ask.round,
                 FetchResult{.verdict = http::Verdict::rate_limited, .cause = "slow down"});
    for (auto& each : waiters) {
      const LocationCache::Answer answer = each.get();
      const auto& failure = std::get<LocationCache::Failure>(answer);
      CHECK(std::get<FetchResult>(failure).cause == "slow down");
    }
  }
}

TEST_CASE("location cache: a failure ends its own round only", "[source]") {
  LocationCache cache(10);
  const auto first = std::get<LocationCache::Ask>(acquire(cache));
  cache.invalidate("a", cache.found("a", location("1")));
  const auto second = std::get<LocationCache::Ask>(acquire(cache));
  CHECK(first.round != second.round);
  cache.failed("a", first.round, FetchResult{.verdict = http::Verdict::retry});
  // The second round is still open, so this waits for it.
  auto waiting = waiter(cache);
  cache.found("a", location("2"));
  CHECK(query_of(waiting.get()) == "2");
}

TEST_CASE("location cache: stop ends the waiting", "[source]") {
  LocationCache cache(10);
  CHECK(std::holds_alternative<LocationCache::Ask>(acquire(cache)));
  std::stop_source source;
  auto waiting = std::async(std::launch::async,
                            [&] { return cache.acquire("a", k_start, source.get_token()); });
  source.request_stop();
  const LocationCache::Answer answer = waiting.get();
  const auto& failure = std::get<LocationCache::Failure>(answer);
  CHECK(std::get<FetchResult>(failure).verdict == http::Verdict::stopped);
}

TEST_CASE("location cache: the least recently used go first", "[source]") {
  LocationCache cache(2);
  cache.found("a", location("1"));
  cache.found("b", location("2"));
  CHECK(query_of(acquire(cache, "a")) == "1");
  cache.found("c", location("3"));
  CHECK(query_of(acquire(cache, "a")) == "1");
  CHECK(query_of(acquire(cache, "c")) == "3");
  CHECK(std::holds_alternative<LocationCache::Ask>(acquire(cache, "b")));
  // Who is asked for stays, however many there are.
  CHECK(std::holds_alternative<LocationCache::Ask>(acquire(cache, "d")));
  CHECK(std::holds_alternative<LocationCache::Ask>(acquire(cache, "e")));
  cache.found("b", location("4"));
  CHECK(query_of(acquire(cache, "b")) == "4");
}

TEST_CASE("location cache: entity tags and contradictions", "[source]") {
  LocationCache cache(10);
  CHECK(cache.is_known_etag("a", "h", "1"));
  CHECK(cache.is_known_etag("a", "h", "1"));
  CHECK_FALSE(cache.is_known_etag("a", "h", "2"));
  // A host whose servers disagree costs one attempt for each of its tags.
  CHECK(cache.is_known_etag("a", "h", "1"));
  CHECK(cache.is_known_etag("a", "h", "2"));
  CHECK(cache.is_known_etag("a", "other", "3"));
  CHECK(cache.is_known_etag("b", "h", "4"));
  for (int i = 0; i < 100; ++i) {
    CHECK_FALSE(cache.is_known_etag("a", "h", "never the same " + std::to_string(i)));
  }
  CHECK(cache.contradicted("a") == 1);
  CHECK(cache.contradicted("a") == 2);
  CHECK(cache.contradicted("b") == 1);
  cache.agreed("a");
  CHECK(cache.contradicted("a") == 1);
}

}  // namespace
}  // namespace nai::source
