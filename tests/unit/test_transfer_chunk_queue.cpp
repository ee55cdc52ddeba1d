// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <map>
#include <random>
#include <vector>

#include <nai/transfer/chunk_queue.hpp>

using namespace nai::transfer;
using nai::util::ByteRange;
using nai::util::RangeSet;
using nai::util::SteadyTime;

namespace {

constexpr std::uint64_t k_mib = 1U << 20U;
const SteadyTime k_now{};

ChunkQueue queue_for(std::size_t workers) {
  return ChunkQueue({.chunk_bytes = 64 * k_mib, .min_chunk_bytes = 8 * k_mib, .workers = workers});
}

}  // namespace

TEST_CASE("workers spread over large files before they share one") {
  ChunkQueue queue = queue_for(3);
  for (std::size_t file = 0; file < 4; ++file) {
    queue.add(file, 1000 * k_mib, {{0, 1000 * k_mib}});
  }
  const auto a = queue.next(k_now);
  const auto b = queue.next(k_now);
  const auto c = queue.next(k_now);
  REQUIRE((a && b && c));
  CHECK(a->file == 0);
  CHECK(b->file == 1);
  CHECK(c->file == 2);
  // Whoever is done goes on in its own file, in order, and file 3 waits until one of the three is
  // finished.
  queue.give_back(*b, b->range.length, k_now);
  const auto again = queue.next(k_now);
  REQUIRE(again);
  CHECK(again->file == 1);
  CHECK(again->range.offset == b->range.end());
  const auto fourth = queue.next(k_now);
  REQUIRE(fourth);
  CHECK(fourth->file == 0);
  CHECK(fourth->range.offset == a->range.end());
}

TEST_CASE("small files share the workers with large ones") {
  ChunkQueue queue = queue_for(4);
  queue.add(0, 1000 * k_mib, {{0, 1000 * k_mib}});
  for (std::size_t file = 1; file < 10; ++file) {
    queue.add(file, 1, {{0, 1}});
  }
  std::size_t small = 0;
  for (int i = 0; i < 4; ++i) {
    small += queue.next(k_now)->file == 0 ? 0U : 1U;
  }
  CHECK(small == 2);
}

TEST_CASE("chunks shrink towards the end") {
  ChunkQueue queue = queue_for(4);
  queue.add(0, 200 * k_mib, {{0, 200 * k_mib}});
  const auto first = queue.next(k_now);
  CHECK(first->range.length == 25 * k_mib);
  std::uint64_t last = first->range.length;
  while (const auto lease = queue.next(k_now)) {
    CHECK(lease->range.length <= last);
    last = lease->range.length;
  }
  CHECK(last <= 8 * k_mib);
}

TEST_CASE("a failed chunk waits, keeps count, and only what is missing is asked again") {
  ChunkQueue queue = queue_for(1);
  queue.add(0, 100, {{0, 100}});
  auto lease = queue.next(k_now);
  REQUIRE(lease);
  const SteadyTime later = k_now + std::chrono::seconds(5);
  queue.give_back(*lease, 40, later);
  CHECK_FALSE(queue.next(k_now));
  CHECK(queue.next_ready() == later);
  CHECK_FALSE(queue.exhausted());
  lease = queue.next(later);
  REQUIRE(lease);
  CHECK(lease->range == ByteRange{40, 60});
  CHECK(lease->failures == 1);
  queue.give_back(*lease, 60, later);
  CHECK(queue.exhausted());
}

TEST_CASE("progress forgives earlier failures, a trickle does not") {
  const Lease lease{.file = 0, .range = {0, 64 * k_mib}, .failures = 3};
  CHECK(ChunkQueue::failures_after(lease, 0) == 4);
  CHECK(ChunkQueue::failures_after(lease, 100) == 4);
  CHECK(ChunkQueue::failures_after(lease, k_mib) == 0);
}

TEST_CASE(
    "under any order of successes and failures every byte is leased exactly until it is done") {
  std::mt19937 random(42);
  for (int round = 0; round < 30; ++round) {
    ChunkQueue queue({.chunk_bytes = 10, .min_chunk_bytes = 2, .workers = 5});
    std::map<std::size_t, std::uint64_t> sizes;
    std::map<std::size_t, RangeSet> done;
    for (std::size_t file = 0; file < 20; ++file) {
      sizes[file] = 1 + random() % 60;
      queue.add(file, sizes[file], {{0, sizes[file]}});
    }
    std::vector<Lease> in_flight;
    SteadyTime now{};
    while (!queue.exhausted() || !in_flight.empty()) {
      now += std::chrono::seconds(1);
      if (const auto lease = queue.next(now); lease && in_flight.size() < 5) {
        for (const Lease& other : in_flight) {
          const bool apart = other.file != lease->file ||
                             other.range.end() <= lease->range.offset ||
                             lease->range.end() <= other.range.offset;
          REQUIRE(apart);
        }
        in_flight.push_back(*lease);
        continue;
      } else if (lease) {
        in_flight.push_back(*lease);
      }
      if (in_flight.empty()) {
        continue;
      }
      const std::size_t pick = random() % in_flight.size();
      const Lease lease = in_flight[pick];
      in_flight.erase(in_flight.begin() + static_cast<std::ptrdiff_t>(pick));
      const std::uint64_t arrived = random() % (lease.range.length + 1);
      const ByteRange got{lease.range.offset, arrived};
      REQUIRE((arrived == 0 || done[lease.file].contiguous_end(got.offset) == got.offset));
      done[lease.file].add(got);
      queue.give_back(lease, arrived, now + std::chrono::seconds(random() % 3));
    }
    for (const auto& [file, size] : sizes) {
      REQUIRE(done[file].missing(size).empty());
    }
  }
}
