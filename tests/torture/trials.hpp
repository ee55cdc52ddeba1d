// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "torture/table.hpp"
#include "torture/world.hpp"

namespace nai::torture {

// One fault to inject into one run, and the judgement of it.
struct Trial {
  std::string fault;
  std::function<Outcome(World&)> run;
};

using Trials = std::vector<Trial>;

// kill -9 before and after each call that changes the volume: of a fresh run, of one that resumes,
// of one that replaces a revision. Enumerated: `world` is used to find out which calls there are.
[[nodiscard]] Trials crash_trials(World& world);

// Errors that the volume gives: each error at each call, once and from then on; lost and short
// writes, refused chmod, missing features.
[[nodiscard]] Trials volume_trials(World& world);

// SIGTERM and SIGINT at each call, and a second signal right behind.
[[nodiscard]] Trials stop_trials(World& world);

// Each fault that the mock registry knows, passing and lasting.
[[nodiscard]] Trials wire_trials();

// `count` runs with faults from all of those on the wire mixed at random, reproducible by the seed.
[[nodiscard]] Trials mixed_wire_trials(std::size_t count, std::uint64_t seed);

// Two processes on one volume.
[[nodiscard]] Trials pair_trials();

// At most `most` trials of each fault, evenly spread.
[[nodiscard]] Trials thinned(const Trials& trials, std::size_t most);

// Runs them on `threads` threads, each with a world of its own.
void run_trials(const Trials& trials, std::size_t threads, Table& table);

}  // namespace nai::torture
