// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <csignal>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "torture/scenario.hpp"
#include "torture/trials.hpp"

namespace nai::torture {

namespace {

using namespace std::chrono_literals;

constexpr int k_mismatch = 5;
constexpr int k_storage = 6;
constexpr int k_busy = 8;

// Slow enough that a second run comes while the first one works.
class SlowWire {
 public:
  explicit SlowWire(World& world) : m_world(world) {
    mock::Shaping shaping;
    shaping.total_bytes_per_second = 8'000'000;
    m_world.registry().set_shaping(shaping);
    m_world.registry().clear_log();
  }
  ~SlowWire() {
    m_world.registry().set_shaping({});
    m_world.registry().set_fault_hook({});
  }
  SlowWire(const SlowWire&) = delete;
  SlowWire& operator=(const SlowWire&) = delete;

 private:
  World& m_world;
};

// A run on a thread of its own.
class OtherRun {
 public:
  OtherRun(const World& world, const test::Job& job, std::vector<Injection> injections = {})
      : m_thread([&world, &job, injections = std::move(injections), this] {
          m_result = injections.empty() ? world.run(job) : world.run(job, injections);
        }) {}

  TracedResult wait() {
    m_thread.join();
    return m_result;
  }

 private:
  TracedResult m_result;
  std::jthread m_thread;
};

bool content_flows(World& world, std::uint64_t bytes) {
  return world.registry().wait_for_content_bytes(bytes, 30s);
}

std::uint64_t model_bytes(const World& world) {
  std::uint64_t total = 0;
  for (const mock::File& file : world.files("main")) {
    total += file.content.size();
  }
  return total;
}

Injection sabotaged_flock(int error) {
  Injection injection{.calls = {Call::flock}};
  injection.action = error == 0 ? Action::pretend : Action::fail;
  injection.count = Injection::k_all;
  injection.error = error;
  return injection;
}

// One works, the other waits, says so, and then finds everything there.
Outcome two_runs(World& world, std::optional<int> flock_error) {
  const SlowWire slow(world);
  const auto job = world.fresh_job();
  const auto sabotage =
      flock_error ? std::vector{sabotaged_flock(*flock_error)} : std::vector<Injection>{};
  OtherRun first(world, job, sabotage);
  const bool begun = content_flows(world, 100'000);
  const TracedResult second = sabotage.empty() ? world.run(job) : world.run(job, sabotage);
  const TracedResult earlier = first.wait();
  const auto served = world.registry().content_bytes_served();
  Outcome outcome = world.conclude(job, second, {});
  if (!begun || earlier.process.exit_status != 0) {
    outcome.blame("the first run failed: " + earlier.process.err);
  }
  if (second.process.out.find("waiting for the volume") == std::string::npos) {
    outcome.blame("the second run did not say that it waits: " + second.process.out);
  }
  if (served != model_bytes(world)) {
    outcome.blame(fmt::format("{} bytes served", served));
  }
  return outcome;
}

// The holder dies in the middle; the other takes over. With a flock that works at once, else when
// the heart has not beaten for LOCK_DEAD_AFTER, which is 2 s here.
Outcome takeover(World& world, std::optional<int> flock_error) {
  const SlowWire slow(world);
  const auto job = world.fresh_job();
  std::vector<Injection> sabotage;
  if (flock_error) {
    sabotage.push_back(sabotaged_flock(*flock_error));
  }
  Injection death{.calls = {Call::write}, .path_contains = ".part"};
  death.action = Action::kill_before;
  death.first = 15;
  std::vector<Injection> mortal = sabotage;
  mortal.push_back(death);
  OtherRun first(world, job, mortal);
  content_flows(world, 100'000);
  const TracedResult second = sabotage.empty() ? world.run(job) : world.run(job, sabotage);
  const TracedResult dead = first.wait();
  Outcome outcome = world.conclude(job, second, {.statuses = {}, .within = 15s});
  if (dead.process.signal != SIGKILL) {
    outcome.blame("the first run was not killed");
  }
  if (second.process.exit_status != 0) {
    outcome.blame("the second run did not take over: " + second.process.err);
  }
  return outcome;
}

// Somebody removes the lease, and the first run does not look for it for up to a second.
Outcome both_write(World& world, unsigned seed) {
  const SlowWire slow(world);
  // Some answers are damaged: what one run still has to find out must not spoil what the other one
  // has verified.
  world.registry().set_fault_hook([seed](const mock::RequestInfo& request) {
    mock::Fault fault;
    if (request.kind == mock::RequestKind::content && (request.number * 7 + seed) % 11 == 0) {
      for (std::uint64_t at = 0; at < 6; ++at) {
        fault.edits.push_back({mock::Fault::Edit::Kind::flip, (at << 20U) + 5000 + seed, 3});
      }
    }
    return fault;
  });
  auto job = world.fresh_job();
  job.environment["LOCK_DEAD_AFTER"] = "6s";
  OtherRun first(world, job);
  content_flows(world, 300'000 + seed * 500'000ULL);
  std::filesystem::remove(job.mount() / ".nai/lease");
  const TracedResult second = world.run(job);
  const TracedResult earlier = first.wait();
  const Allowed allowed{.statuses = {k_mismatch, k_storage, k_busy}};
  const auto wrong = world.wrong_files(job);
  world.registry().set_fault_hook({});
  Outcome outcome = world.conclude(job, second, allowed);
  if (!wrong.empty() && outcome.wrong_files == 0) {
    outcome.wrong_files = static_cast<unsigned>(wrong.size());
  }
  if (earlier.timed_out || earlier.process.signal != 0) {
    outcome.blame("the first run hung or crashed: " + earlier.process.err);
  }
  return outcome;
}

// The holder is paused, as a machine is that is migrated, until the other one has taken over and
// works; then both run. What the first still has in memory may be damaged.
Outcome paused_holder(World& world, unsigned seed) {
  const SlowWire slow(world);
  world.registry().set_fault_hook([seed](const mock::RequestInfo& request) {
    mock::Fault fault;
    if (request.kind == mock::RequestKind::content && request.number % 2 == 0) {
      fault.edits.push_back({mock::Fault::Edit::Kind::flip, (seed % 6ULL << 20U) + 5000, 3});
    }
    return fault;
  });
  auto job = world.fresh_job();
  job.environment["LOCK_DEAD_AFTER"] = "2s";
  auto first = job.start();
  content_flows(world, 300'000 + seed * 400'000ULL);
  first.send_signal(SIGSTOP);
  const auto paused_at = world.registry().content_bytes_served();
  OtherRun other(world, job);
  content_flows(world, paused_at + 300'000);
  first.send_signal(SIGCONT);
  const auto earlier = first.wait();
  const TracedResult second = other.wait();
  const auto wrong = world.wrong_files(job);
  world.registry().set_fault_hook({});
  Outcome outcome = world.conclude(job, second, {.statuses = {k_mismatch, k_storage, k_busy}});
  outcome.wrong_files = std::max(outcome.wrong_files, static_cast<unsigned>(wrong.size()));
  if (earlier.signal != 0) {
    outcome.blame("the first run crashed: " + earlier.err);
  }
  return outcome;
}

// What an NFS client does that looked for the lease before another host made it: it is not there,
// and yet it cannot be made.
Outcome invisible_lease(World& world) {
  const SlowWire slow(world);
  const auto job = world.fresh_job();
  OtherRun first(world, job);
  content_flows(world, 100'000);
  Injection unseen{.calls = {Call::open}, .path_contains = "/.nai/lease"};
  unseen.action = Action::fail;
  unseen.count = 20;
  unseen.error = ENOENT;
  const Injection attempts{.calls = {Call::link}};
  const TracedResult second = world.run(job, {unseen, attempts});
  const TracedResult earlier = first.wait();
  Outcome outcome = world.conclude(job, second, {});
  if (earlier.process.exit_status != 0) {
    outcome.blame("the first run failed: " + earlier.process.err);
  }
  // Each costs the server several requests.
  if (second.calls.at(1).size() > 12) {
    outcome.blame(fmt::format("{} attempts to take the lease", second.calls.at(1).size()));
  }
  return outcome;
}

// A dead run's lease that may not be removed.
Outcome refused_takeover(World& world) {
  const auto job = scenarios().at(1).prepare(world);
  Injection refused{.calls = {Call::rename}, .path_contains = "/.nai/lease"};
  refused.action = Action::fail;
  refused.count = Injection::k_all;
  refused.error = EACCES;
  return world.conclude(job, world.run(job, {refused}), {.statuses = {k_storage}});
}

}  // namespace

Trials pair_trials() {
  Trials trials{{"two runs", [](World& world) { return two_runs(world, {}); }},
                {"two runs, the holder dies", [](World& world) { return takeover(world, {}); }}};
  for (unsigned seed = 0; seed < 6; ++seed) {
    trials.push_back({"two runs, the lease is removed, answers damaged",
                      [seed](World& world) { return both_write(world, seed); }});
    trials.push_back({"two runs, the holder is paused, answers damaged",
                      [seed](World& world) { return paused_holder(world, seed); }});
  }
  if (!can_trace()) {
    return trials;
  }
  for (const int error : {0, ENOLCK, EOPNOTSUPP}) {
    trials.push_back(
        {"two runs, flock is sabotaged", [error](World& world) { return two_runs(world, error); }});
    trials.push_back({"two runs, flock is sabotaged, the holder dies",
                      [error](World& world) { return takeover(world, error); }});
  }
  trials.push_back({"two runs, the lease is not seen", invisible_lease});
  trials.push_back({"a dead run's lease cannot be removed", refused_takeover});
  return trials;
}

}  // namespace nai::torture
