// SPDX-License-Identifier: Apache-2.0
#include "app/commands/commands.hpp"

#include <array>

namespace nai::app {

namespace {

constexpr auto k_commands = std::to_array<Command>({
    {.name = "download",
     .help = "Fetch, verify and publish the model's files (the default)",
     .run = run_download},
    {.name = "resolve",
     .help = "Tell the commit, the files, their sizes, and the volume to ask for; fetches nothing",
     .run = run_resolve},
    {.name = "check",
     .help = "Test names, proxy, TLS, token, access and volume where the Job runs, with remedies",
     .run = run_check,
     .needs_model = false},
    {.name = "verify",
     .help = "Read everything on the volume again and compare it with its checksums",
     .run = run_verify,
     .needs_model = false},
    {.name = "completion",
     .help = "Print a shell's completion of commands, flags and values: bash, zsh or fish",
     .run = run_completion,
     .needs_model = false,
     .operand = "bash|zsh|fish"},
});

}  // namespace

std::span<const Command> commands() { return k_commands; }

bool brings_content(const Config& config) {
  return config.command == k_commands.front().name || config.options.repair;
}

}  // namespace nai::app
