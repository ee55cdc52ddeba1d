// SPDX-License-Identifier: Apache-2.0
#include "torture/trials.hpp"

#include <atomic>
#include <cstdio>
#include <map>
#include <thread>

#include <fmt/format.h>

namespace nai::torture {

namespace {

// A line after so many faults: a full run takes long.
constexpr std::size_t k_told_each = 250;

}  // namespace

Trials thinned(const Trials& trials, std::size_t most) {
  std::map<std::string, std::vector<const Trial*>> by_fault;
  for (const Trial& trial : trials) {
    by_fault[trial.fault].push_back(&trial);
  }
  Trials chosen;
  for (const auto& [fault, all] : by_fault) {
    const std::size_t count = std::min(most, all.size());
    for (std::size_t i = 0; i < count; ++i) {
      chosen.push_back(*all[i * all.size() / count]);
    }
  }
  return chosen;
}

void run_trials(const Trials& trials, std::size_t threads, Table& table) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    World world;
    for (std::size_t i = next++; i < trials.size(); i = next++) {
      Outcome outcome;
      try {
        outcome = trials[i].run(world);
      } catch (const std::exception& error) {
        outcome.blame(std::string("the test itself failed: ") + error.what());
      }
      table.add(trials[i].fault, outcome);
      if ((i + 1) % k_told_each == 0) {
        fmt::print(stderr, "{} of {} faults, {}\n", i + 1, trials.size(),
                   table.good() ? "all good" : "NOT GOOD");
      }
    }
  };
  std::vector<std::jthread> workers;
  for (std::size_t i = 0; i < threads; ++i) {
    workers.emplace_back(work);
  }
}

}  // namespace nai::torture
