// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include <nai/storage/mount_info.hpp>

#include "app/check/finding.hpp"

namespace nai::app {

struct VolumeQuestion {
  std::filesystem::path mount;
  std::optional<std::uint64_t> bytes_needed = {};  // for the whole model, if known
  bool needs_links = false;                        // a NIM's cache has symbolic links
};

// Whether a download could work on the volume: does in a directory of its own, which is gone
// afterwards, what a download does. Blocks, for ever when the volume hangs.
[[nodiscard]] std::vector<Finding> check_volume(const VolumeQuestion& question);

// The same, but of a volume that does not answer within `limit` the findings are that, and how it
// is mounted. `probe` may hang; nobody waits for its thread then.
[[nodiscard]] std::vector<Finding> check_volume_within(
    const VolumeQuestion& question, std::chrono::seconds limit,
    const std::function<std::vector<Finding>(const VolumeQuestion&)>& probe = check_volume);

// The findings about how it is mounted.
[[nodiscard]] std::vector<Finding> judge_mount(const std::filesystem::path& directory,
                                               const std::optional<storage::MountInfo>& mount);

// `ahead`: of the clock here, by the time that the server gave to a file that was just written.
[[nodiscard]] Finding judge_server_clock(std::chrono::seconds ahead);

}  // namespace nai::app
