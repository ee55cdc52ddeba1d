// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace mock {

// mock-registry nim ...: NVIDIA's registry and NGC with models from directories. Runs until SIGTERM
// or SIGINT; returns the exit status. Throws std::exception.
int run_nim_program(const std::vector<std::string>& arguments);

}  // namespace mock
