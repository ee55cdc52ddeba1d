// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nai/util/error.hpp>

namespace nai::app {

// How a run that failed ends: what the process returns, and what people are told.
struct Failure {
  util::ErrorKind kind;
  int exit_status;
  // For standard error and the termination message: a short first line, then details and what to
  // do.
  std::string text;
};

// "not_found"; stable, for machines.
[[nodiscard]] std::string name_of(util::ErrorKind kind);

// What interrupted a run, and whether it leaves something that the next one continues from.
struct Interruption {
  int signal = 0;  // none
  bool saves_state = true;
};

[[nodiscard]] Failure describe_failure(const util::Error& error, Interruption interruption = {});

}  // namespace nai::app
