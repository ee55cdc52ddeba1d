// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
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

// The findings about how it is mounted.
[[nodiscard]] std::vector<Finding> judge_mount(const std::filesystem::path& directory,
                                               const std::optional<storage::MountInfo>& mount);

}  // namespace nai::app
