// SPDX-License-Identifier: Apache-2.0
#include "app/space_advice.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include <nai/util/file.hpp>
#include <nai/util/units.hpp>

namespace nai::app {

namespace {

// Without what is in place already, and what partial files have allocated.
std::uint64_t bytes_to_store(storage::Volume& volume, const source::Manifest& manifest) {
  std::uint64_t needed = 0;
  for (const auto& artifact : manifest.artifacts) {
    const storage::FileIdentity file{artifact.path, artifact.size, artifact.digest};
    if (volume.inventory().state_of(file) != storage::FileState::absent ||
        !volume.found_content().candidates(file).empty()) {
      continue;
    }
    const auto partial = util::stat_path(volume.layout().partial(artifact.path, artifact.digest));
    const auto allocated = partial ? static_cast<std::uint64_t>(partial->st_blocks) * 512 : 0;
    needed += artifact.size - std::min(artifact.size, allocated);
  }
  return needed;
}

}  // namespace

void warn_of_little_space(storage::Volume& volume, const source::Manifest& manifest,
                          Console& console) {
  const auto available = volume.available_bytes();
  if (!available || *available >= manifest.total_bytes()) {
    return;
  }
  const auto needed = bytes_to_store(volume, manifest);
  if (*available < needed) {
    console.warning("little_space",
                    fmt::format("{} are needed and the volume says it has {} available; trying "
                                "all the same, because not every server tells the truth",
                                util::format_bytes(needed), util::format_bytes(*available)),
                    {{"bytes_needed", needed}, {"bytes_available", *available}});
  }
}

}  // namespace nai::app
