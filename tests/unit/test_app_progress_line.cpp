// SPDX-License-Identifier: Apache-2.0
#include "app/progress_line.hpp"

#include <cmath>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace {

using namespace nai::app;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

constexpr std::uint64_t k_mb = 1'000'000;
constexpr std::uint64_t k_gb = 1'000 * k_mb;

nai::util::SteadyTime at(std::chrono::milliseconds time) { return nai::util::SteadyTime(time); }

}  // namespace

TEST_CASE("Progress lines say how far, how fast and how long", "[app]") {
  struct Row {
    const char* expected;
    ProgressState state;
    Pace pace;
  };
  const ProgressState usual{.files_total = 16,
                            .files_done = 9,
                            .bytes_total = 16'070 * k_mb,
                            .bytes_present = 10'030 * k_mb,
                            .bytes_received = 4'830 * k_mb};
  ProgressState resumed = usual;
  resumed.bytes_reused = 5'200 * k_mb;
  ProgressState received = usual;
  received.bytes_present = received.bytes_total;
  ProgressState done = received;
  done.files_done = done.files_total;
  const std::vector<Row> rows{
      {"Progress: looking at what is on the volume", {}, {}},
      {"Progress: 62.4 % - 10.03 of 16.07 GB - 9/16 files - 304.2 MB/s - 20s left",
       usual,
       {.received_per_second = 304.2e6, .left = 20s}},
      {"Progress: 62.4 % - 10.03 of 16.07 GB - 9/16 files - 304.2 MB/s - 20s left "
       "(resumed 5.20 GB)",
       resumed,
       {.received_per_second = 304.2e6, .left = 20s}},
      {"Progress: 62.4 % - 10.03 of 16.07 GB - 9/16 files - 0 B/s", usual, {}},
      {"Progress: 62.4 % - 10.03 of 16.07 GB - 9/16 files - checking what is there, 500.0 MB/s",
       usual,
       {.hashed_per_second = 500e6}},
      {"Progress: 62.4 % - 10.03 of 16.07 GB - 9/16 files - stalled, nothing received for 45s",
       usual,
       {.received_per_second = 1e6, .left = 20s, .idle = 45s}},
      {"Progress: 99.9 % - 16.07 of 16.07 GB - 9/16 files - verifying", received, {}},
      {"Progress: 99.9 % - 16.07 of 16.07 GB - 9/16 files - stalled, nothing verified for 1m00s",
       received,
       {.idle = 60s}},
      {"Progress: 100.0 % - 16.07 of 16.07 GB - 16/16 files - verifying", done, {}},
      {"Progress: 0.0 % - 0 of 0 B - 0/1 files - verifying", {.files_total = 1}, {}},
      {"Progress: 0.1 % - 1 of 999 B - 0/1 files - 1 B/s - 16m00s left",
       {.files_total = 1, .bytes_total = 999, .bytes_present = 1},
       {.received_per_second = 1, .left = 980s}},
  };
  for (const auto& [expected, state, pace] : rows) {
    CHECK(progress_line(state, pace) == expected);
  }
}

TEST_CASE("Bytes that are not all there never look as if they were", "[app]") {
  const ProgressState almost{.files_total = 2,
                             .files_done = 1,
                             .bytes_total = 16'070 * k_mb,
                             .bytes_present = 16'070 * k_mb - 1};
  CHECK_THAT(progress_line(almost, {}), ContainsSubstring("99.9 % - 16.06 of 16.07 GB"));
}

TEST_CASE("The bar fits its terminal", "[app]") {
  const ProgressState state{.files_total = 16,
                            .files_done = 9,
                            .bytes_total = 16'070 * k_mb,
                            .bytes_present = 8'035 * k_mb};
  const Pace pace{.received_per_second = 304.2e6, .left = 26s};
  const std::string text = " 50.0 %  8.03 of 16.07 GB  9/16 files  304.2 MB/s - 26s left";
  CHECK(progress_bar(state, pace, 200) ==
        "[" + std::string(20, '=') + std::string(20, ' ') + "] " + text);
  CHECK(progress_bar(state, pace, 80).size() <= 80);
  CHECK(progress_bar(state, pace, text.size()) == text);
  CHECK(progress_bar(state, pace, 40) == " 50.0 %  8.03 of 16.07 GB  26s left");
  CHECK(progress_bar(state, pace, 20) == " 50.0 %  26s left");
  CHECK(progress_bar({}, {}, 80) == "looking at what is on the volume");
}

TEST_CASE("No terminal is too narrow for its bar", "[app]") {
  const ProgressState state{.files_total = 16,
                            .files_done = 9,
                            .bytes_total = 16'070 * k_mb,
                            .bytes_present = 8'035 * k_mb};
  ProgressState all_here = state;
  all_here.bytes_present = all_here.bytes_total;
  for (const Pace& pace : {Pace{}, Pace{.received_per_second = 304.2e6, .left = 300h},
                           Pace{.hashed_per_second = 999e6}, Pace{.idle = 100h}}) {
    for (const ProgressState& each : {state, all_here, ProgressState{}}) {
      for (std::size_t width = 19; width <= 200; ++width) {
        const auto bar = progress_bar(each, pace, width);
        INFO(width << ": " << bar);
        CHECK(bar.size() <= width);
        CHECK((each.files_total == 0 || bar.find(" %") != std::string::npos));
      }
    }
  }
}

TEST_CASE("A steady download has a steady rate and time left", "[app]") {
  ProgressState state{.files_total = 1, .bytes_total = 100 * k_gb};
  RateMeter meter(at(0ms));
  CHECK_FALSE(meter.pace().left);
  for (int second = 10; second <= 300; second += 10) {
    state.bytes_received = state.bytes_present = static_cast<std::uint64_t>(second) * 100 * k_mb;
    meter.add(at(std::chrono::seconds(second)), state);
    CHECK(std::abs(meter.pace().received_per_second - 100e6) < 1);
    CHECK(meter.pace().left == std::chrono::seconds(1000 - second));
    CHECK(meter.pace().idle == 0s);
  }
}

TEST_CASE("The time left does not jump when the rate does", "[app]") {
  ProgressState state{.files_total = 1, .bytes_total = 100 * k_gb};
  RateMeter meter(at(0ms));
  auto now = 0ms;
  const auto run_for = [&](int seconds, std::uint64_t rate) {
    for (int i = 0; i < seconds; ++i) {
      state.bytes_received += rate;
      state.bytes_present += rate;
      meter.add(at(now += 1s), state);
    }
  };
  run_for(120, 100 * k_mb);
  const auto before = meter.pace().left.value();
  run_for(2, 0);
  CHECK(meter.pace().left.value() < before * 11 / 10);
  CHECK(meter.pace().left.value() > before * 9 / 10);
  CHECK(meter.pace().received_per_second < 90e6);
  run_for(60, 50 * k_mb);
  CHECK(std::abs(meter.pace().received_per_second - 50e6) < 1e6);
}

TEST_CASE("The time left that is shown goes down steadily while the rate is all over the place",
          "[app]") {
  ProgressState state{.files_total = 1, .bytes_total = 100 * k_gb};
  RateMeter meter(at(0ms));
  auto now = 0ms;
  auto before = std::chrono::seconds::max();
  // Every five seconds a burst or a lull; looked at as often as the bar of a terminal.
  for (int tick = 0; tick < 600 * 5; ++tick) {
    const std::uint64_t rate = tick / 25 % 2 == 0 ? 180 * k_mb : 20 * k_mb;
    state.bytes_received += rate / 5;
    state.bytes_present += rate / 5;
    meter.add(at(now += 200ms), state);
    const auto left = meter.pace().left;
    if (now > 60s) {
      REQUIRE(left);
      CHECK(*left <= before + before / 20);
      CHECK(*left >= before - before / 10);
    }
    before = left.value_or(before);
  }
}

TEST_CASE("The first moments foretell nothing", "[app]") {
  ProgressState state{.files_total = 1, .bytes_total = 100 * k_gb};
  RateMeter meter(at(0ms));
  state.bytes_received = state.bytes_present = 1;
  meter.add(at(1s), state);
  CHECK_FALSE(meter.pace().left);
  meter.add(at(4s), state);
  state.bytes_received = state.bytes_present = k_gb;
  meter.add(at(5s), state);
  CHECK(meter.pace().left);
}

TEST_CASE("What was found on the volume does not count as speed", "[app]") {
  ProgressState state{.files_total = 1, .bytes_total = 100 * k_gb};
  RateMeter meter(at(0ms));
  state.bytes_present = state.bytes_reused = 90 * k_gb;
  meter.add(at(10s), state);
  CHECK_FALSE(meter.pace().left);
  state.bytes_present += k_gb;
  state.bytes_received = k_gb;
  meter.add(at(20s), state);
  CHECK(meter.pace().left.value() > 90s);
}

TEST_CASE("Only when nothing at all moves is it a stall", "[app]") {
  ProgressState state{.files_total = 3, .bytes_total = 100 * k_gb};
  RateMeter meter(at(0ms));
  state.bytes_received = 1;
  meter.add(at(10s), state);
  meter.add(at(30s), state);
  CHECK(meter.pace().idle == 20s);
  state.bytes_hashed = 1;
  meter.add(at(40s), state);
  CHECK(meter.pace().idle == 0s);
  state.bytes_present = 5;
  meter.add(at(50s), state);
  state.bytes_present = 0;  // a file is fetched again
  meter.add(at(60s), state);
  CHECK(meter.pace().idle == 0s);
}

TEST_CASE("The first line says what was found on the volume", "[app]") {
  ProgressState state{.files_total = 16, .bytes_total = 16'070 * k_mb};
  CHECK(found_line(state, 0) == "Progress: nothing of it is on the volume yet");
  CHECK(found_line(state, 2) == "Progress: 2 files on the volume, to be checked first");
  state.files_done = 9;
  state.bytes_reused = state.bytes_present = 10'030 * k_mb;
  CHECK(found_line(state, 0) ==
        "Progress: resuming at 62.4 % - 10.03 of 16.07 GB are on the volume - 9/16 files complete");
  CHECK(found_line(state, 1) ==
        "Progress: resuming at 62.4 % - 10.03 of 16.07 GB are on the volume - 9/16 files complete "
        "- 1 file more to be checked first");
}

TEST_CASE("Retries are told by cause", "[app]") {
  const ProgressState state{.files_total = 1,
                            .bytes_received = 1,
                            .retries = 6,
                            .retries_rate_limited = 1,
                            .retries_refused = 2};
  CHECK_THAT(summary_line(state, 1s),
             ContainsSubstring(" - 6 retries (3 connection, 2 refused, 1 rate limited)"));
}

TEST_CASE("The summary says what was done", "[app]") {
  const ProgressState fresh{.files_total = 16,
                            .files_done = 16,
                            .bytes_total = 16'070 * k_mb,
                            .bytes_present = 16'070 * k_mb,
                            .bytes_received = 16'070 * k_mb};
  CHECK(
      summary_line(fresh, 151s) ==
      "Progress: done - 16 files, 16.1 GB, all verified - fetched 16.1 GB in 2m31s (106.4 MB/s) - "
      "0 retries");
  ProgressState resumed = fresh;
  resumed.bytes_received = 11 * k_gb;
  resumed.bytes_reused = 5'200 * k_mb;
  resumed.retries = 1;
  CHECK(
      summary_line(resumed, 100s) ==
      "Progress: done - 16 files, 16.1 GB, all verified - fetched 11.0 GB in 1m40s (110.0 MB/s) - "
      "resumed 5.20 GB - 1 retry (1 connection)");
  CHECK(summary_line({.files_total = 1, .bytes_total = 5, .bytes_reused = 5}, 75s) ==
        "Progress: done - 1 file, 5 B, all verified - nothing had to be fetched - took 1m15s");
}

TEST_CASE("Machines get the same figures", "[app]") {
  const ProgressState state{.files_total = 2, .bytes_total = 100, .bytes_present = 25};
  const auto fields = progress_fields(state, {.received_per_second = 10.5, .left = 7s});
  CHECK(fields.front() == std::pair<std::string_view, nai::util::FieldValue>("percent", 25.0));
  CHECK(fields.back() ==
        std::pair<std::string_view, nai::util::FieldValue>("seconds_left", std::uint64_t{7}));
  CHECK(progress_fields(state, {}).size() + 1 == fields.size());
  CHECK(summary_fields(state, 2s).size() == 11);
}

TEST_CASE("A day of progress lines is far below a megabyte", "[app]") {
  CHECK(report_interval(5s, 1h) == 5s);
  CHECK(report_interval({}, 0s) == 10s);
  std::size_t lines = 0;
  std::chrono::milliseconds elapsed{0};
  while (elapsed < 24h) {
    elapsed += report_interval({}, elapsed);
    ++lines;
  }
  CHECK(lines * 150 < 300'000);
}
