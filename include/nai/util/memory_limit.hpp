// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace nai::util {

// The bytes of memory this process may use before it is killed: the least of the limits of its
// control group (version 1 or 2) and the groups around it. Empty when there is none, or none that
// can be read. `root` is the directory that stands for / (tests have their own). Blocks for a few
// small reads; does not throw.
[[nodiscard]] std::optional<std::uint64_t> memory_limit(const std::filesystem::path& root = "/");

}  // namespace nai::util
