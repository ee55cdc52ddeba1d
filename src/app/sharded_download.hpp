// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "app/config.hpp"
#include "app/session.hpp"

namespace nai::app {

// The ordinary download, with a configuration that names the commit; it calls `on_held` as soon as
// it holds the volume.
using RunWhole = std::function<void(const Config& config, const std::function<void()>& on_held)>;

// The download of one pod of several: brings the shard of its index, then shards that nobody works
// on, and, if all are complete then, calls `run_whole`, which finds everything in place, verifies
// and publishes what shards shared, and writes the completion record. It is called at once for a
// volume that is complete. Throws util::Error.
void download_sharded(const Config& config, Session& session, const RunWhole& run_whole);

}  // namespace nai::app
