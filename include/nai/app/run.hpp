// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace nai::app {

// The whole program: `arguments` without its name, `environment` as main() gets it. Returns the
// exit status and never throws; every failure is told on standard error and in the termination
// message. Call it before any thread is started.
[[nodiscard]] int run(std::span<const char* const> arguments,
                      const char* const* environment) noexcept;

}  // namespace nai::app
