// SPDX-License-Identifier: Apache-2.0
#include "app/commands/commands.hpp"

#include <array>

namespace nai::app {

namespace {

constexpr auto k_commands = std::to_array<Command>({
    {.name = "download",
     .help = "Fetch, verify and publish the model's files (the default)",
     .run = run_download},
});

}  // namespace

std::span<const Command> commands() { return k_commands; }

}  // namespace nai::app
