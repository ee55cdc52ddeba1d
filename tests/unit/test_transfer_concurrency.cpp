// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include "transfer/concurrency.hpp"
#include "transfer/rate_limit.hpp"
#include "transfer/stragglers.hpp"

using namespace std::chrono_literals;
using nai::transfer::ActiveLease;
using nai::transfer::ChunkQueue;
using nai::transfer::Concurrency;
using nai::transfer::RateLimit;
using nai::transfer::Stragglers;
using nai::util::SteadyTime;

namespace {

constexpr double k_mb = 1e6;

// A network in simulated time: `rate` says how many bytes a second so many connections bring. New
// connections bring nothing for a moment.
struct Network {
  std::function<double(std::size_t connections)> rate;
  Concurrency concurrency{{.initial = 4, .max = 64}};
  Concurrency::Sample sample{.time = SteadyTime{} + 1s};
  std::vector<std::size_t> targets{4};
  std::size_t effective = 4;

  void run(std::chrono::milliseconds duration) {
    constexpr auto k_tick = 100ms;
    for (auto passed = 0ms; passed < duration; passed += k_tick) {
      sample.time += k_tick;
      sample.bytes += static_cast<std::uint64_t>(rate(effective) * 0.1);
      sample.busy = concurrency.target();
      effective = concurrency.target();
      if (!concurrency.observe(sample).empty()) {
        targets.push_back(concurrency.target());
      }
    }
  }
  [[nodiscard]] double bytes() const { return static_cast<double>(sample.bytes); }
};

}  // namespace

TEST_CASE("under a cap on each connection the number grows to the limit within seconds") {
  Network network{.rate = [](std::size_t n) { return 20 * k_mb * static_cast<double>(n); }};
  network.run(20s);
  CHECK(network.concurrency.target() == 64);
  CHECK(network.bytes() > 0.9 * 20 * 64 * 20 * k_mb);
}

TEST_CASE("a link that is full with few connections keeps few") {
  Network network{.rate = [](std::size_t) { return 900 * k_mb; }};
  network.run(9s);
  CHECK(network.targets == std::vector<std::size_t>{4, 8, 4, 8, 4});
  network.run(51s);
  CHECK(network.concurrency.target() <= 5);
  CHECK(*std::max_element(network.targets.begin(), network.targets.end()) <= 8);
}

TEST_CASE("a disturbance while more are tried costs seconds, not half a minute") {
  Network network{.rate = [&](std::size_t n) {
    const bool disturbed = network.sample.time < SteadyTime{} + 3s && n > 4;
    return static_cast<double>(disturbed ? 4 : std::min<std::size_t>(n, 8)) * 50 * k_mb;
  }};
  network.run(8s);
  CHECK(network.concurrency.target() == 8);
}

TEST_CASE("a slow beginning does not make more connections look better") {
  Network network{.rate = [&](std::size_t) {
    return (network.sample.time < SteadyTime{} + 2s ? 800 : 1200) * k_mb;
  }};
  network.run(20s);
  CHECK(network.concurrency.target() <= 5);
  CHECK(*std::max_element(network.targets.begin(), network.targets.end()) <= 8);
}

TEST_CASE("what a neighbour takes for a moment does not make more connections look better") {
  Network network{.rate = [&](std::size_t n) {
    const auto time = network.sample.time - SteadyTime{};
    const bool disturbed = n <= 4 && time > 4s && time < 6s;
    return (disturbed ? 800 : 1200) * k_mb;
  }};
  network.run(20s);
  CHECK(network.concurrency.target() <= 5);
  CHECK(*std::max_element(network.targets.begin(), network.targets.end()) <= 8);
}

TEST_CASE("when more connections begin to bring less, fewer are compared with what comes now") {
  Network network{.rate = [&](std::size_t n) {
    const bool throttled = network.sample.time > SteadyTime{} + 36s;
    return (throttled ? (n > 4 ? 100 : 200) : 50 * std::min<double>(static_cast<double>(n), 8)) *
           k_mb;
  }};
  network.run(35s);
  REQUIRE(network.concurrency.target() == 8);
  network.run(5s);
  CHECK(network.concurrency.target() == 4);
}

TEST_CASE("a host that slows many connections down only after minutes is asked for few again") {
  Network network{.rate = [&](std::size_t n) {
    const bool throttles = network.sample.time > SteadyTime{} + 300s;
    return static_cast<double>(n) * (throttles && n > 8 ? 1 : 20) * k_mb;
  }};
  network.run(298s);
  REQUIRE(network.concurrency.target() == 64);
  network.run(12s);
  CHECK(network.concurrency.target() == 8);
}

TEST_CASE("a disk or a network that stands still says nothing of the number of connections") {
  Network network{.rate = [&](std::size_t n) {
    const auto time = network.sample.time - SteadyTime{};
    const bool stalled = time > 40s && time < 100s;
    return stalled ? 0 : static_cast<double>(std::min<std::size_t>(n, 8)) * 50 * k_mb;
  }};
  network.run(39s);
  REQUIRE(network.concurrency.target() == 8);
  network.targets.clear();
  network.run(60s);
  CHECK(network.targets.empty());
  network.run(20s);
  CHECK(network.concurrency.target() == 8);
}

TEST_CASE("a rate that halves for a moment changes nothing") {
  Network network{.rate = [&](std::size_t n) {
    const auto time = network.sample.time - SteadyTime{};
    const bool disturbed = time > 42s && time % 5s > 3s;
    return static_cast<double>(n) * (disturbed ? 4 : 20) * k_mb;
  }};
  network.run(40s);
  REQUIRE(network.concurrency.target() == 64);
  network.targets.clear();
  network.run(60s);
  CHECK(network.targets.empty());
}

TEST_CASE("a host that collapses above eight connections gets eight") {
  const auto rate = [](std::size_t n) {
    return static_cast<double>(n) * (n > 8 ? 1 * k_mb : 50 * k_mb);
  };
  Network network{.rate = rate};
  network.run(30s);
  CHECK(network.concurrency.target() == 8);
  CHECK(network.bytes() > 0.9 * 30 * 8 * 50 * k_mb);
}

TEST_CASE("the number between the steps of doubling is found") {
  Network network{.rate = [](std::size_t n) {
    return static_cast<double>(std::min<std::size_t>(n, 24)) * 50 * k_mb / (n > 24 ? 2 : 1);
  }};
  network.run(60s);
  CHECK(network.concurrency.target() == 24);
}

TEST_CASE("a server that says it is too much is asked for half, and not for more at once") {
  Network network{.rate = [](std::size_t n) { return 20 * k_mb * static_cast<double>(n); }};
  network.run(10s);
  REQUIRE(network.concurrency.target() == 64);
  ++network.sample.rate_limited;
  network.run(10s);
  CHECK(network.concurrency.target() == 32);
  network.run(60s);
  CHECK(network.concurrency.target() > 32);
}

TEST_CASE("refusals of one burst count once, later ones again") {
  Network network{.rate = [](std::size_t n) { return 20 * k_mb * static_cast<double>(n); }};
  network.run(10s);
  REQUIRE(network.concurrency.target() == 64);
  for (int look = 0; look < 8; ++look) {
    network.sample.rate_limited += 8;
    network.run(100ms);
  }
  CHECK(network.concurrency.target() == 32);
  network.run(1s);
  ++network.sample.rate_limited;
  network.run(100ms);
  CHECK(network.concurrency.target() == 16);
}

TEST_CASE("what a server asked for is not taken for a rate that fell") {
  Network network{.rate = [](std::size_t n) { return 20 * k_mb * static_cast<double>(n); }};
  network.run(40s);
  REQUIRE(network.concurrency.target() == 64);
  for (int refused = 0; refused < 2; ++refused) {
    ++network.sample.rate_limited;
    network.run(1100ms);
  }
  network.run(20s);
  CHECK(network.concurrency.target() == 16);
}

TEST_CASE("a collapse is seen before the new connections have settled") {
  Network network{.rate = [](std::size_t n) {
    return static_cast<double>(n) * (n > 8 ? 1 * k_mb : 50 * k_mb);
  }};
  while (network.concurrency.target() != 16) {
    network.run(100ms);
    REQUIRE(network.sample.time < SteadyTime{} + 10s);
  }
  network.run(300ms);
  CHECK(network.concurrency.target() == 8);
  CHECK(network.concurrency.urgent());
}

TEST_CASE("the number of many connections grows only after a whole measurement") {
  Network network{.rate = [](std::size_t n) { return 20 * k_mb * static_cast<double>(n); }};
  while (network.concurrency.target() != 32) {
    network.run(100ms);
    REQUIRE(network.sample.time < SteadyTime{} + 10s);
  }
  CHECK(network.sample.time <= SteadyTime{} + 1s + 1400ms);
  network.run(600ms);
  CHECK(network.concurrency.target() == 32);
  network.run(300ms);
  CHECK(network.concurrency.target() == 64);
}

TEST_CASE("when the network changes, more connections are tried again") {
  double cap = 1000;
  Network network{
      .rate = [&](std::size_t n) { return std::min(static_cast<double>(n) * 50, cap) * k_mb; }};
  cap = 200;
  network.run(60s);
  REQUIRE(network.concurrency.target() <= 5);
  cap = 1600;
  network.run(200s);
  CHECK(network.concurrency.target() >= 32);
}

TEST_CASE("connections without work are not measured") {
  Concurrency concurrency({.initial = 4, .max = 64});
  Concurrency::Sample sample{.time = SteadyTime{} + 1s, .busy = 1};
  for (int i = 0; i < 100; ++i) {
    sample.time += 100ms;
    sample.bytes += 1000;
    CHECK(concurrency.observe(sample).empty());
  }
}

TEST_CASE("a limit of connections is never passed") {
  Concurrency concurrency({.initial = 4, .max = 3});
  CHECK(concurrency.target() == 3);
  Network network{.rate = [](std::size_t n) { return 20 * k_mb * static_cast<double>(n); },
                  .concurrency = Concurrency({.initial = 4, .max = 20})};
  network.run(60s);
  CHECK(network.concurrency.target() == 20);
}

namespace {

// `rates` in bytes a second for each lease, watched over two looks three seconds apart.
std::vector<std::uint64_t> redialled(const std::vector<std::uint64_t>& rates,
                                     std::chrono::seconds age = 60s) {
  Stragglers stragglers;
  const SteadyTime now = SteadyTime{} + 100s;
  std::vector<ActiveLease> active;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    ActiveLease lease{.lease = {.id = i + 1, .range = {0, 10'000'000'000}},
                      .claimed = rates[i] == 0 ? 0U : 1'000'000U,
                      .begun = now - age};
    active.push_back(lease);
  }
  CHECK(stragglers.observe(now, active).empty());
  for (std::size_t i = 0; i < rates.size(); ++i) {
    active[i].claimed += 3 * rates[i];
  }
  return stragglers.observe(now + 3s, active);
}

}  // namespace

TEST_CASE("a connection far below the others is dialled anew") {
  CHECK(redialled({50'000'000, 50'000'000, 1'000'000, 40'000'000, 60'000'000}) ==
        std::vector<std::uint64_t>{3});
  CHECK(redialled({50'000'000, 0, 50'000'000, 40'000'000}) == std::vector<std::uint64_t>{2});
}

TEST_CASE("connections that are alike, few, or new are left alone") {
  CHECK(redialled({50'000'000, 20'000'000, 40'000'000, 60'000'000}).empty());
  CHECK(redialled({50'000'000, 1'000'000, 50'000'000}).empty());
  CHECK(redialled({50'000'000, 0, 50'000'000, 40'000'000}, 1s).empty());
  CHECK(redialled({0, 0, 0, 0}).empty());
}

TEST_CASE("a rate limit holds over ten seconds, whoever takes the bytes") {
  RateLimit limit(10'000'000);
  const SteadyTime begin = SteadyTime{} + 1000s;
  SteadyTime now = begin;
  std::uint64_t taken = 0;
  while (now < begin + 10s) {
    taken += 16'384;
    now = std::max(now, limit.reserve(16'384, now));
  }
  CHECK(taken > 99'000'000);
  CHECK(taken < 101'000'000);
  // A pause is not made up for.
  now += 60s;
  const SteadyTime after_pause = now;
  taken = 0;
  while (now < after_pause + 10s) {
    taken += 16'384;
    now = std::max(now, limit.reserve(16'384, now));
  }
  CHECK(taken < 101'000'000);
}
