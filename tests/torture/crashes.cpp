// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include <fmt/format.h>

#include "torture/scenario.hpp"
#include "torture/trials.hpp"

namespace nai::torture {

namespace {

Outcome crash(World& world, const Scenario& scenario, Action action, std::uint64_t at) {
  const auto job = scenario.prepare(world);
  Injection injection{.calls = changing_calls()};
  injection.action = action;
  injection.first = at;
  return world.conclude(job, world.run(job, {injection}), {.statuses = {}, .killed = true});
}

Outcome stop(World& world, const Scenario& scenario, std::uint64_t at, std::uint64_t signals) {
  const auto job = scenario.prepare(world);
  Injection injection{.calls = changing_calls()};
  injection.action = Action::terminate;
  injection.first = at;
  injection.count = signals;
  return world.conclude(job, world.run(job, {injection}),
                        {.statuses = {128 + SIGTERM}, .within = std::chrono::seconds(5)});
}

}  // namespace

Trials crash_trials(World& world) {
  Trials trials;
  for (const Scenario& scenario : scenarios()) {
    const auto calls = calls_of(world, scenario, changing_calls());
    for (std::uint64_t at = 1; at <= calls.size() + 2; ++at) {
      const std::string kind = at <= calls.size() ? kind_of(calls[at - 1]) : "end";
      for (const auto& [action, words] :
           {std::pair{Action::kill_before, "before"}, std::pair{Action::kill_after, "after"}}) {
        trials.push_back({fmt::format("kill -9 {} {}", words, kind),
                          [scenario, action = action, at](World& own) {
                            return crash(own, scenario, action, at);
                          }});
      }
    }
  }
  return trials;
}

Trials stop_trials(World& world) {
  Trials trials;
  for (const Scenario& scenario : scenarios()) {
    const auto calls = calls_of(world, scenario, changing_calls());
    for (std::uint64_t at = 1; at <= calls.size(); ++at) {
      for (const std::uint64_t signals : {1U, 2U}) {
        trials.push_back(
            {signals == 1 ? "SIGTERM" : "SIGTERM twice",
             [scenario, at, signals](World& own) { return stop(own, scenario, at, signals); }});
      }
    }
  }
  return trials;
}

}  // namespace nai::torture
