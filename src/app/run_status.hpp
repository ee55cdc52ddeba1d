// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nai/util/clock.hpp>
#include <nai/util/error.hpp>

#include "app/progress_line.hpp"

namespace nai::app {

enum class RunState { running, complete, failed, interrupted };

[[nodiscard]] std::string_view name_of(RunState state);
// Of a run that ended with `error`.
[[nodiscard]] RunState state_of(const util::Error& error);

// What a run is about and who does it; the same from its start to its end.
struct RunIdentity {
  std::string repository = {};
  std::string revision = {};
  std::string model_name = {};
  std::string host = {};
  std::uint64_t pid = 0;
  util::SystemTime started_at = {};
};

// A run at one moment, for programs that watch it.
struct RunStatus {
  RunState state = RunState::running;
  ProgressState progress = {};
  Pace pace = {};
  std::string last_problem = {};  // why the last retry was made; empty: none was
  std::string error_kind = {};    // of a run that failed
  std::string error = {};         // of a run that failed; without secrets
  util::SystemTime updated_at = {};
};

// "preparing", "checking", "downloading", "verifying" or "finished".
[[nodiscard]] std::string_view phase_of(const RunStatus& status);

// The status file: one JSON object, as docs/reference.md describes it.
[[nodiscard]] std::string status_document(const RunIdentity& run, const RunStatus& status);
// The metrics file, in Prometheus' text format.
[[nodiscard]] std::string metrics_text(const RunIdentity& run, const RunStatus& status);

// This process, as its host calls itself.
[[nodiscard]] std::string host_name();

}  // namespace nai::app
