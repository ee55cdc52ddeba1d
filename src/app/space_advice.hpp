// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nai/source/manifest.hpp>
#include <nai/storage/volume.hpp>

#include "app/log.hpp"

namespace nai::app {

// Warns when the volume says that it has less than the download needs. Advice only: some servers
// report no free space and then take everything.
void warn_of_little_space(storage::Volume& volume, const source::Manifest& manifest,
                          Console& console);

}  // namespace nai::app
