// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "e2e/job.hpp"
#include "support/mock/registry.hpp"
#include "torture/table.hpp"
#include "torture/tracer.hpp"

namespace nai::torture {

// What a run with a fault may end with, besides a complete volume and 0.
struct Allowed {
  std::set<int> statuses;
  bool killed = false;
  // Longest time the run may take.
  std::chrono::seconds within{60};
};

// A Hub with a small model in two revisions, "main" and "next", and everything needed to judge a
// volume. Used by one thread.
class World {
 public:
  World();

  [[nodiscard]] mock::Registry& registry() { return m_registry; }
  [[nodiscard]] const std::vector<mock::File>& files(const std::string& revision) const;

  // A volume with nothing on it and an impatient configuration.
  [[nodiscard]] test::Job fresh_job(const std::string& revision = "main") const;
  // A run without tracing, killed after a minute.
  [[nodiscard]] TracedResult run(const test::Job& job) const;
  // A run with injections; those without a directory get the job's volume.
  [[nodiscard]] TracedResult run(const test::Job& job, std::vector<Injection> injections) const;
  // A run up to about the middle of its content, then kill -9.
  void leave_half(const test::Job& job) const;

  // Judges the volume after `result`, then lets a run without faults complete it and judges again.
  // `heal` is called in between.
  Outcome conclude(const test::Job& job, const TracedResult& result, const Allowed& allowed,
                   const std::function<void()>& heal = {});

  // Files below model-files, or in the completion record, that are not what a revision has.
  [[nodiscard]] std::vector<std::string> wrong_files(const test::Job& job) const;

 private:
  [[nodiscard]] std::set<std::string> complete_files(const test::Job& job) const;
  [[nodiscard]] bool belongs(const test::Job& job, const std::string& path) const;
  [[nodiscard]] std::vector<std::string> wrong_in_record(const test::Job& job) const;
  // Outputs and files with the token or a signature in them.
  void judge_secrets(const test::Job& job, const TracedResult& result, Outcome& outcome) const;
  void judge_end(const test::Job& job, const TracedResult& result, const Allowed& allowed,
                 Outcome& outcome) const;
  void judge_recovery(const test::Job& job, const std::set<std::string>& before, Outcome& outcome);

  mock::Registry m_registry;
  std::vector<mock::File> m_main;
  std::vector<mock::File> m_next;
};

}  // namespace nai::torture
