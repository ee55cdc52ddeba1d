// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace nai::storage {

// How a directory is mounted.
struct MountInfo {
  std::string mount_point;
  std::string type;     // "nfs4", "ext4", "overlay"
  std::string source;   // "files.example:/export"
  std::string options;  // of the mount and of its file system, separated by commas

  [[nodiscard]] bool is_nfs() const { return type.starts_with("nfs"); }
  // "soft", or "vers" for "vers=4.2".
  [[nodiscard]] bool has_option(std::string_view name) const;
  // What stands behind "name="; empty when there is none.
  [[nodiscard]] std::string_view option(std::string_view name) const;
};

// The mount that `directory`, an absolute path without links, lies on, from the text of
// /proc/self/mountinfo. Empty when none fits.
[[nodiscard]] std::optional<MountInfo> parse_mount_info(std::string_view text,
                                                        const std::filesystem::path& directory);
// The same for this process, from the path alone: a volume that hangs does not matter. Empty where
// /proc is not there.
[[nodiscard]] std::optional<MountInfo> mount_of(const std::filesystem::path& directory);

}  // namespace nai::storage
