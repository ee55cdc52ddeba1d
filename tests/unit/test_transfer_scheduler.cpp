// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "support/fake_clock.hpp"
#include "transfer/scheduler.hpp"

using namespace nai;
using namespace nai::transfer;

TEST_CASE("a worker beyond the number of connections takes nothing until there are more") {
  util::SystemClock clock;
  constexpr std::uint64_t k_chunks = 2000;
  Scheduler scheduler({.chunk_bytes = 1000, .min_chunk_bytes = 1000, .workers = 1}, {}, 1, clock);
  scheduler.add(0, k_chunks * 1000, {{0, k_chunks * 1000}});
  std::atomic<bool> raised = false;
  std::optional<Scheduler::Work> taken;
  bool taken_before = true;
  std::jthread surplus([&] {
    taken = scheduler.next(1);
    taken_before = !raised;
  });
  for (std::uint64_t chunk = 0; chunk + 1 < k_chunks; ++chunk) {
    const auto work = scheduler.next(0);
    REQUIRE(work);
    scheduler.give_back(work->lease, work->lease.range.length, {});
  }
  raised = true;
  scheduler.set_connections(2, false);
  surplus.join();
  CHECK(taken);
  CHECK_FALSE(taken_before);
}

TEST_CASE("a worker beyond the number of connections leaves when all files are done") {
  util::SystemClock clock;
  Scheduler scheduler({.chunk_bytes = 1000, .min_chunk_bytes = 1000, .workers = 1}, {}, 1, clock);
  std::optional<Scheduler::Work> taken;
  std::jthread surplus([&] { taken = scheduler.next(1); });
  scheduler.file_done();
  surplus.join();
  CHECK_FALSE(taken);
}

TEST_CASE(
    "a lease that is dialled anew is stopped, and another takes over what it had not claimed") {
  util::SystemClock clock;
  Scheduler scheduler({.chunk_bytes = 1000, .min_chunk_bytes = 1000, .workers = 2}, {}, 1, clock);
  scheduler.add(0, 1000, {{0, 1000}});
  const auto slow = scheduler.next(0);
  REQUIRE(slow);
  CHECK(scheduler.claim(slow->lease, 100) == 100);
  scheduler.redial(slow->lease.id);
  CHECK(slow->stop.stop_requested());
  CHECK(scheduler.claim(slow->lease, 200) == 100);
  const auto again = scheduler.next(0);
  REQUIRE(again);
  CHECK(again->lease.range == util::ByteRange{100, 900});
  CHECK_FALSE(again->stop.stop_requested());
  // No retry: nothing of its own is left.
  CHECK_FALSE(scheduler.give_back(slow->lease, 100, {.verdict = http::Verdict::stopped}));
}

TEST_CASE("a request that another took over is ended at once") {
  test::FakeClock clock;
  Scheduler scheduler({.chunk_bytes = 1000, .min_chunk_bytes = 1000, .workers = 2}, {}, 1, clock);
  scheduler.add(0, 1000, {{0, 1000}});
  const auto silent = scheduler.next(0);
  REQUIRE(silent);
  clock.advance(std::chrono::seconds(10));
  const auto other = scheduler.next(0);
  REQUIRE(other);
  CHECK(other->lease.range == util::ByteRange{0, 1000});
  CHECK(silent->stop.stop_requested());
  CHECK_FALSE(other->stop.stop_requested());
}

TEST_CASE("leases above the number of connections are stopped at once where they do harm") {
  util::SystemClock clock;
  Scheduler scheduler({.chunk_bytes = 1000, .min_chunk_bytes = 1000, .workers = 3}, {}, 3, clock);
  std::vector<Scheduler::Work> active;
  for (std::size_t file = 0; file < 3; ++file) {
    scheduler.add(file, 1000, {{0, 1000}});
    active.push_back(scheduler.next(0).value());
  }
  scheduler.set_connections(2, false);
  CHECK_FALSE(active[2].stop.stop_requested());
  scheduler.set_connections(1, true);
  CHECK_FALSE(active[0].stop.stop_requested());
  CHECK(active[1].stop.stop_requested());
  CHECK(active[2].stop.stop_requested());
}
