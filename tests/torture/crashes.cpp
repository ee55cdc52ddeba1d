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

// One signal at a call, and perhaps another at the next one.
struct Stop {
  const char* name;
  int first;
  int second;  // 0: none
};

Outcome stop(World& world, const Scenario& scenario, std::uint64_t at, const Stop& how) {
  const auto job = scenario.prepare(world);
  Injection first{.calls = changing_calls()};
  first.action = Action::signal;
  first.first = at;
  first.signal = how.first;
  Injection second = first;
  second.first = at + 1;
  second.signal = how.second;
  const auto injections =
      how.second == 0 ? std::vector{first} : std::vector<Injection>{first, second};
  return world.conclude(job, world.run(job, injections),
                        {.statuses = {128 + how.first}, .within = std::chrono::seconds(5)});
}

// A server that is gone: no call on the volume comes back from there on. What was promised to a pod
// that is asked to stop is 5 s; the rest is for the time before the signal.
Outcome stop_hung(World& world, const Scenario& scenario, std::uint64_t at) {
  const auto job = scenario.prepare(world);
  Injection injection{.calls = changing_calls()};
  injection.action = Action::hang;
  injection.first = at;
  injection.count = Injection::k_all;
  injection.signal = SIGTERM;
  return world.conclude(job, world.run(job, {injection}),
                        {.statuses = {128 + SIGTERM}, .within = std::chrono::seconds(8)});
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
    // Each of them waits for the end of the program's patience.
    for (std::uint64_t at = 1; at <= calls.size(); at += 5) {
      trials.push_back({"SIGTERM, the volume hangs",
                        [scenario, at](World& own) { return stop_hung(own, scenario, at); }});
    }
    for (std::uint64_t at = 1; at <= calls.size(); ++at) {
      for (const Stop& how :
           {Stop{"SIGTERM", SIGTERM, 0}, Stop{"SIGTERM twice", SIGTERM, SIGTERM},
            Stop{"SIGINT", SIGINT, 0}, Stop{"SIGINT, then SIGTERM", SIGINT, SIGTERM}}) {
        trials.push_back(
            {how.name, [scenario, at, how](World& own) { return stop(own, scenario, at, how); }});
      }
    }
  }
  return trials;
}

}  // namespace nai::torture
