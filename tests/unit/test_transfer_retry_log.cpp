// SPDX-License-Identifier: Apache-2.0
#include "transfer/retry_log.hpp"

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "support/captured_log.hpp"
#include "support/fake_clock.hpp"

namespace {

using namespace nai::transfer;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using nai::http::Verdict;
namespace test = nai::test;

struct Fixture {
  test::FakeClock clock;
  test::CapturedLog log;
  RetryLog retries{clock, log};
  std::string path = "model.safetensors";

  void limited(std::string cause = "429 Too Many Requests") {
    retries.tell(
        {.path = path,
         .result = {.verdict = Verdict::rate_limited, .cause = std::move(cause), .status = 429},
         .failures = 1,
         .delay = 5s});
  }
  void cut() {
    retries.tell({.path = path,
                  .result = {.verdict = Verdict::retry, .cause = "connection lost"},
                  .failures = 1,
                  .delay = 1s});
  }
  [[nodiscard]] std::vector<std::string> warnings() const {
    std::vector<std::string> texts;
    for (const auto& entry : log.entries()) {
      if (entry.level == nai::util::Level::warning) {
        texts.push_back(entry.message);
      }
    }
    return texts;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "A burst of retries with one cause is one line", "[transfer]") {
  for (int i = 0; i < 64; ++i) {
    limited();
  }
  CHECK(warnings() ==
        std::vector<std::string>{"model.safetensors: 429 Too Many Requests; trying again in 5s"});
  cut();
  CHECK(warnings().size() == 2);
  CHECK(log.count("retry") == 65);  // debug level has each
  clock.advance(31s);
  limited();
  REQUIRE(warnings().size() == 3);
  CHECK_THAT(warnings()[2], ContainsSubstring("; 63 more like it in the last 31s"));
}

TEST_CASE_METHOD(Fixture, "After a long silence a retry is news again", "[transfer]") {
  limited();
  limited();
  clock.advance(10min);
  limited();
  limited();
  clock.advance(31s);
  limited();
  CHECK(warnings().size() == 3);
}

TEST_CASE_METHOD(Fixture, "A day of nothing but trouble is told in far less than a megabyte",
                 "[transfer]") {
  // Progress lines of a day take less than 300 kB, as another test says.
  constexpr std::size_t k_room = 600'000;
  for (const auto pause : {500ms, 30'000ms, 700'000ms}) {
    test::FakeClock day;
    test::CapturedLog lines(nai::util::Level::warning);
    RetryLog all_day(day, lines);
    const nai::source::FetchResult limited{
        .verdict = Verdict::rate_limited, .cause = std::string(4000, 'x'), .status = 429};
    const nai::source::FetchResult cut{.verdict = Verdict::retry, .cause = std::string(4000, 'y')};
    const auto begun = day.steady_now();
    while (day.steady_now() - begun < 24h) {
      all_day.tell({.path = path, .result = limited, .failures = 1, .delay = 5s});
      all_day.tell({.path = path, .result = cut, .failures = 1, .delay = 5s});
      day.advance(pause);
    }
    std::size_t bytes = 0;
    for (const auto& entry : lines.entries()) {
      bytes += entry.level == nai::util::Level::warning ? entry.message.size() + 1 : 0;
    }
    CHECK(bytes > 0);
    CHECK(bytes < k_room);
  }
}
