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
  CHECK(queue.give_back(b->id, b->range.length, k_now) == 0);
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
  CHECK(queue.give_back(lease->id, 40, later) == 60);
  CHECK_FALSE(queue.next(k_now));
  CHECK(queue.next_ready() == later);
  CHECK_FALSE(queue.exhausted());
  lease = queue.next(later);
  REQUIRE(lease);
  CHECK(lease->range == ByteRange{40, 60});
  CHECK(lease->failures == 1);
  CHECK(queue.give_back(lease->id, 60, later) == 0);
  CHECK(queue.exhausted());
}

TEST_CASE("progress forgives earlier failures, a trickle does not") {
  const Lease lease{.file = 0, .range = {0, 64 * k_mib}, .failures = 3};
  CHECK(ChunkQueue::failures_after(lease, 0) == 4);
  CHECK(ChunkQueue::failures_after(lease, 100) == 4);
  CHECK(ChunkQueue::failures_after(lease, k_mib) == 0);
}

TEST_CASE("workers that share a file stay within the window, unless a request costs too much") {
  ChunkQueue queue({.chunk_bytes = 64 * k_mib,
                    .min_chunk_bytes = k_mib,
                    .window_bytes = 32 * k_mib,
                    .workers = 4});
  queue.add(0, 4000 * k_mib, {{0, 4000 * k_mib}});
  CHECK(queue.next(k_now)->range == ByteRange{0, 8 * k_mib});
  CHECK(queue.next(k_now)->range == ByteRange{8 * k_mib, 8 * k_mib});
  queue.set_min_shared_bytes(25 * k_mib);
  CHECK(queue.next(k_now)->range == ByteRange{16 * k_mib, 25 * k_mib});
}

TEST_CASE("files that have a worker each are asked for in full chunks") {
  ChunkQueue queue({.chunk_bytes = 64 * k_mib,
                    .min_chunk_bytes = k_mib,
                    .window_bytes = 32 * k_mib,
                    .workers = 2});
  for (std::size_t file = 0; file < 3; ++file) {
    queue.add(file, 4000 * k_mib, {{0, 4000 * k_mib}});
  }
  CHECK(queue.next(k_now)->range.length == 64 * k_mib);
  CHECK(queue.next(k_now)->range.length == 64 * k_mib);
}

TEST_CASE("a long lease on a slow connection is divided when others come to its file") {
  ChunkQueue queue({.chunk_bytes = 64 * k_mib,
                    .min_chunk_bytes = k_mib,
                    .window_bytes = 16 * k_mib,
                    .workers = 1});
  queue.add(0, 4000 * k_mib, {{0, 4000 * k_mib}});
  const auto first = queue.next(k_now);
  REQUIRE(first);
  CHECK(first->range.length == 64 * k_mib);
  CHECK(queue.claim(first->id, 5 * k_mib) == 5 * k_mib);
  queue.set_workers(8);
  // At 50 MiB/s it is done soon; at 5 MiB/s it is not.
  CHECK(queue.next(k_now + std::chrono::milliseconds(100))->range.offset == 64 * k_mib);
  CHECK(queue.next(k_now + std::chrono::seconds(1))->range == ByteRange{7 * k_mib, 2 * k_mib});
  CHECK(queue.claim(first->id, 8 * k_mib) == 7 * k_mib);
  CHECK(queue.take_emptied().empty());
}

TEST_CASE(
    "a file of less than a chunk is shared by workers without one, in ranges asked for as such") {
  ChunkQueue queue({.chunk_bytes = 64 * k_mib,
                    .min_chunk_bytes = 8 * k_mib,
                    .window_bytes = 32 * k_mib,
                    .workers = 16});
  queue.add(0, 50 * k_mib, {{0, 50 * k_mib}});
  for (std::uint64_t i = 0; i < 16; ++i) {
    const auto lease = queue.next(k_now);
    REQUIRE(lease);
    CHECK(lease->range.offset == i * 2 * k_mib);
    CHECK(lease->range.length <= 2 * k_mib);
  }
}

TEST_CASE("a small file on a slow connection is not cut off again and again") {
  ChunkQueue queue({.chunk_bytes = 64 * k_mib,
                    .min_chunk_bytes = 8 * k_mib,
                    .window_bytes = 32 * k_mib,
                    .workers = 64});
  queue.add(0, 16 * k_mib, {{0, 16 * k_mib}});
  const auto first = queue.next(k_now);
  REQUIRE(first);
  CHECK(first->range.length == 16 * k_mib);
  CHECK(queue.claim(first->id, k_mib / 2) == k_mib / 2);
  // Half of what is left goes to another connection, not all but a MiB.
  CHECK(queue.next(k_now + std::chrono::seconds(1))->range == ByteRange{8 * k_mib, 8 * k_mib});
}

TEST_CASE("an idle worker takes half of what the slowest has left") {
  ChunkQueue queue({.chunk_bytes = 64 * k_mib, .min_chunk_bytes = 64 * k_mib, .workers = 2});
  queue.add(0, 40 * k_mib, {{0, 40 * k_mib}});
  queue.add(1, 40 * k_mib, {{0, 40 * k_mib}});
  const auto slow = queue.next(k_now);
  const auto quick = queue.next(k_now);
  REQUIRE((slow && quick));
  CHECK(queue.claim(slow->id, 4 * k_mib) == 4 * k_mib);
  CHECK(queue.claim(quick->id, 38 * k_mib) == 38 * k_mib);
  // Too early to tell.
  CHECK_FALSE(queue.next(k_now + std::chrono::milliseconds(500)));
  const auto now = k_now + std::chrono::seconds(2);
  const auto part = queue.next(now);
  REQUIRE(part);
  CHECK(part->file == slow->file);
  CHECK(part->range == ByteRange{22 * k_mib, 18 * k_mib});
  // The slow one is told when it comes there, and is done then.
  CHECK(queue.claim(slow->id, 22 * k_mib) == 22 * k_mib);
  CHECK(queue.claim(slow->id, 23 * k_mib) == 22 * k_mib);
  CHECK(queue.give_back(slow->id, 22 * k_mib, now) == 0);
  // The quick one is not worth a connection.
  CHECK_FALSE(queue.next(now));
}

TEST_CASE("what a crawling connection has left is taken as a whole, but each time later") {
  ChunkQueue queue = queue_for(2);
  queue.add(0, 2 * k_mib, {{0, 2 * k_mib}});
  const auto slow = queue.next(k_now);
  REQUIRE(slow);
  // A minute and a half to go.
  CHECK(queue.claim(slow->id, k_mib / 2) == k_mib / 2);
  const auto now = k_now + std::chrono::seconds(30);
  const auto rest = queue.next(now);
  REQUIRE(rest);
  CHECK(rest->range == ByteRange{k_mib / 2, 3 * k_mib / 2});
  CHECK(ChunkQueue::patience(*rest) == 2 * ChunkQueue::patience(*slow));
  CHECK(queue.take_emptied() == std::vector<std::uint64_t>{slow->id});
  CHECK(queue.take_emptied().empty());
  CHECK(queue.claim(slow->id, k_mib) == k_mib / 2);
  // Seven seconds to go: less than the patience with a lease that was taken once.
  CHECK(queue.claim(rest->id, 3 * k_mib / 2) == 3 * k_mib / 2);
  CHECK_FALSE(queue.next(now + std::chrono::seconds(14)));
}

TEST_CASE("a lease that is shortened to what was claimed is told, others are not") {
  ChunkQueue queue = queue_for(2);
  queue.add(0, 100 * k_mib, {{0, 100 * k_mib}});
  const auto first = queue.next(k_now);
  const auto second = queue.next(k_now);
  REQUIRE((first && second));
  CHECK(queue.claim(first->id, first->range.end()) == first->range.end());
  queue.cut(first->id);
  CHECK(queue.take_emptied().empty());  // it was done anyway
  queue.cut(second->id);
  CHECK(queue.take_emptied() == std::vector<std::uint64_t>{second->id});
}

TEST_CASE("the last leases take about a second each") {
  ChunkQueue queue = queue_for(4);
  queue.set_tail_bytes(3 * k_mib + 5);
  queue.add(0, 200 * k_mib, {{0, 200 * k_mib}});
  std::uint64_t last = 0;
  while (const auto lease = queue.next(k_now)) {
    last = std::max(lease->range.length, k_mib);
    CHECK(lease->range.length % k_mib == 0);
  }
  CHECK(last <= 3 * k_mib);
  // A request is not made shorter than its latency allows.
  queue.set_min_shared_bytes(5 * k_mib);
  queue.add(1, 100 * k_mib, {{0, 100 * k_mib}});
  std::map<std::uint64_t, int> lengths;
  while (const auto lease = queue.next(k_now)) {
    ++lengths[lease->range.length];
  }
  CHECK(lengths[5 * k_mib] > 3);
}

TEST_CASE("a silent connection loses its lease, but each time later") {
  ChunkQueue queue = queue_for(2);
  queue.add(0, 4 * k_mib, {{0, 4 * k_mib}});
  auto lease = queue.next(k_now);
  REQUIRE(lease);
  auto now = k_now;
  for (int redials = 0; redials < 4; ++redials) {
    const auto patience = ChunkQueue::patience(*lease);
    CHECK_FALSE(queue.next(now + patience - std::chrono::seconds(1)));
    now += patience;
    const auto again = queue.next(now);
    REQUIRE(again);
    CHECK(again->range == ByteRange{0, 4 * k_mib});
    CHECK(ChunkQueue::patience(*again) == 2 * patience);
    CHECK(queue.claim(lease->id, k_mib) == 0);
    CHECK(queue.give_back(lease->id, 0, now) == 0);
    lease = again;
  }
}

TEST_CASE("what is cut from a lease is leased again, what was claimed is not") {
  ChunkQueue queue = queue_for(1);
  queue.add(0, 50 * k_mib, {{0, 50 * k_mib}});
  const auto lease = queue.next(k_now);
  REQUIRE(lease);
  REQUIRE(queue.claim(lease->id, 3 * k_mib) == 3 * k_mib);
  const auto end = lease->range.end();
  queue.cut(lease->id);
  CHECK(queue.claim(lease->id, 4 * k_mib) == 3 * k_mib);
  CHECK(queue.give_back(lease->id, 3 * k_mib, k_now) == 0);
  RangeSet again;
  while (const auto rest = queue.next(k_now)) {
    again.add(rest->range);
  }
  CHECK(again.contains({3 * k_mib, end - 3 * k_mib}));
  CHECK(again.missing(50 * k_mib) == std::vector<ByteRange>{{0, 3 * k_mib}});
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
        for (const auto& [id, other] : queue.active()) {
          const bool apart = id == lease->id || other.lease.file != lease->file ||
                             other.lease.range.end() <= lease->range.offset ||
                             lease->range.end() <= other.lease.range.offset;
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
      if (random() % 4 == 0) {
        queue.cut(lease.id);
      }
      const std::uint64_t wanted = random() % (lease.range.length + 1);
      const std::uint64_t arrived =
          queue.claim(lease.id, lease.range.offset + wanted) - lease.range.offset;
      const ByteRange got{lease.range.offset, arrived};
      REQUIRE((arrived == 0 || done[lease.file].contiguous_end(got.offset) == got.offset));
      done[lease.file].add(got);
      queue.give_back(lease.id, arrived, now + std::chrono::seconds(random() % 3));
    }
    for (const auto& [file, size] : sizes) {
      REQUIRE(done[file].missing(size).empty());
    }
  }
}
