// SPDX-License-Identifier: Apache-2.0
#include "torture/scenario.hpp"

namespace nai::torture {

namespace {

test::Job resuming_job(const World& world) {
  test::Job job = world.fresh_job();
  world.leave_half(job);
  return job;
}

test::Job updating_job(const World& world) {
  test::Job job = world.fresh_job("main");
  static_cast<void>(world.run(job));
  job.environment["REPO_VERSION"] = "next";
  return job;
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> k_scenarios{
      {"fresh", [](const World& world) { return world.fresh_job(); }},
      {"resume", resuming_job},
      {"update", updating_job}};
  return k_scenarios;
}

std::vector<std::string> calls_of(const World& world, const Scenario& scenario,
                                  const std::set<Call>& kinds) {
  const auto job = scenario.prepare(world);
  return world.run(job, {Injection{.calls = kinds}}).calls.at(0);
}

std::string kind_of(const std::string& call) { return call.substr(0, call.find(' ')); }

}  // namespace nai::torture
