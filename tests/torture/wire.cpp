// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <memory>
#include <random>

#include <fmt/format.h>

#include "torture/trials.hpp"
#include "torture/wire_faults.hpp"

namespace nai::torture {

namespace {

using namespace std::chrono_literals;

constexpr int k_temporary = 75;

void set_fault(World& world, const WireFault& fault, std::uint64_t most) {
  const auto count = std::make_shared<std::atomic<std::uint64_t>>(0);
  world.registry().set_fault_hook([fault, most, count](const mock::RequestInfo& request) {
    const bool due = fault.kinds.contains(request.kind) && (*count)++ < most;
    return due ? fault.make(request) : mock::Fault{};
  });
}

// The first answers are so; the run gets over it.
Outcome passing(World& world, const WireFault& fault, bool may_be_final) {
  const auto job = world.fresh_job();
  set_fault(world, fault, fault.once_is_enough ? 1 : 2);
  const auto result = world.run(job);
  return world.conclude(
      job, result, {.statuses = may_be_final ? fault.statuses : std::set<int>{}, .within = 40s},
      [&] { world.registry().set_fault_hook({}); });
}

// All are so; the run ends with what belongs to it.
Outcome lasting(World& world, const WireFault& fault) {
  auto job = world.fresh_job();
  job.environment["MAX_RETRIES"] = fault.once_is_enough ? "0" : "1";
  set_fault(world, fault, ~std::uint64_t{0});
  const auto result = world.run(job);
  return world.conclude(job, result, {.statuses = fault.statuses, .within = 40s},
                        [&] { world.registry().set_fault_hook({}); });
}

// What the Hub says to a fresh question in words of its own is believed at once.
bool may_be_final(const WireFault& fault) {
  return fault.kinds.size() > 1 && fault.statuses.size() > 1;
}

Outcome bad_certificate(World& world, mock::Host host, mock::CertificateKind kind) {
  auto job = world.fresh_job();
  job.environment["MAX_RETRIES"] = "1";
  world.registry().set_certificate(host, kind);
  const auto result = world.run(job);
  Outcome outcome = world.conclude(job, result, {.statuses = {k_temporary}, .within = 20s}, [&] {
    world.registry().set_certificate(host, mock::CertificateKind::valid);
  });
  if (result.process.exit_status == 0) {
    outcome.blame("a certificate that is not valid was accepted");
  }
  return outcome;
}

// A host goes while content flows, and comes back or does not.
Outcome host_goes(World& world, mock::Host host, bool comes_back) {
  auto job = world.fresh_job();
  job.environment["MAX_RETRIES"] = comes_back ? "30" : "1";
  job.environment["RETRY_DELAY"] = "50ms";
  mock::Shaping slow;
  slow.total_bytes_per_second = 5'000'000;
  world.registry().set_shaping(slow);
  world.registry().clear_log();
  auto process = job.start();
  world.registry().wait_for_content_bytes(500'000, 20s);
  world.registry().down(host);
  if (comes_back) {
    // A run that has what it needs of the host notices nothing, and ends.
    static_cast<void>(process.says("warning: "));
    world.registry().up(host);
  }
  TracedResult result;
  result.process = process.wait();
  return world.conclude(
      job, result,
      {.statuses = comes_back ? std::set<int>{} : std::set{k_temporary}, .within = 40s}, [&] {
        world.registry().up(host);
        world.registry().set_shaping({});
      });
}

// Every request of the run's first dozens may meet any fault.
Outcome mixed(World& world, std::uint64_t seed) {
  auto job = world.fresh_job();
  job.environment["MAX_RETRIES"] = "6";
  const auto left = std::make_shared<std::atomic<int>>(60);
  world.registry().clear_log();
  world.registry().set_fault_hook([seed, left](const mock::RequestInfo& request) {
    std::mt19937_64 random(seed * 1'000'003 + request.attempt * 101 +
                           std::hash<std::string>{}(request.range.value_or("") + request.file));
    const auto& fault = wire_faults().at(random() % wire_faults().size());
    const bool due = fault.kinds.contains(request.kind) && random() % 3 == 0 && --*left > 0;
    return due ? fault.make(request) : mock::Fault{};
  });
  const auto result = world.run(job);
  return world.conclude(job, result, {.statuses = {2, 3, 4, 5, k_temporary}, .within = 60s},
                        [&] { world.registry().set_fault_hook({}); });
}

}  // namespace

Trials wire_trials() {
  Trials trials;
  for (const WireFault& fault : wire_faults()) {
    trials.push_back({"wire: passing trouble", [&fault](World& world) {
                        Outcome outcome = passing(world, fault, may_be_final(fault));
                        outcome.why.push_back(fault.name + ", passing");
                        return outcome;
                      }});
    trials.push_back({"wire: lasting trouble", [&fault](World& world) {
                        Outcome outcome = lasting(world, fault);
                        outcome.why.push_back(fault.name + ", lasting");
                        return outcome;
                      }});
  }
  for (const mock::Host host : {mock::Host::hub, mock::Host::cdn}) {
    for (const auto kind : {mock::CertificateKind::expired, mock::CertificateKind::wrong_name,
                            mock::CertificateKind::unknown_issuer}) {
      trials.push_back({"wire: bad certificate",
                        [host, kind](World& world) { return bad_certificate(world, host, kind); }});
    }
    for (const bool comes_back : {false, true}) {
      trials.push_back({"wire: a host goes", [host, comes_back](World& world) {
                          return host_goes(world, host, comes_back);
                        }});
    }
  }
  return trials;
}

Trials mixed_wire_trials(std::size_t count, std::uint64_t seed) {
  Trials trials;
  for (std::size_t i = 0; i < count; ++i) {
    trials.push_back({"wire: random mix", [seed, i](World& world) {
                        const std::uint64_t own = seed * 100'000 + i;
                        Outcome outcome = mixed(world, own);
                        outcome.why.push_back(fmt::format("seed {}", own));
                        return outcome;
                      }});
  }
  return trials;
}

}  // namespace nai::torture
