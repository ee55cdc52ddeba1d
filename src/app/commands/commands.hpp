// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "app/config.hpp"
#include "app/session.hpp"

namespace nai::app {

// One thing the program can be asked to do. Each stands in a file of its own in this folder.
struct Command {
  std::string_view name;
  std::string_view help;
  // Returns the exit status; throws util::Error for a failure.
  int (*run)(const Config& config, Session& session);
  bool needs_model = true;        // REPO_ID must be given
  std::string_view operand = {};  // "bash|zsh|fish": the one word it takes; empty: none
};

// The first is the default.
[[nodiscard]] std::span<const Command> commands();

// Whether a run of it brings content onto the volume, where an interruption leaves something to
// continue from; what the other commands found is lost with them.
[[nodiscard]] bool brings_content(const Config& config);

int run_download(const Config& config, Session& session);
int run_resolve(const Config& config, Session& session);
int run_check(const Config& config, Session& session);
int run_verify(const Config& config, Session& session);
int run_completion(const Config& config, Session& session);

}  // namespace nai::app
