// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include <nai/storage/volume.hpp>
#include <nai/storage/volume_lock.hpp>
#include <nai/util/error.hpp>

#include "app/config.hpp"
#include "app/session.hpp"

namespace nai::app {

// Blocks until this run alone works on the volume, and tells meanwhile who does. `on_lost` comes
// from another thread. `volume` must outlive the lock. Throws as storage::acquire_volume_lock().
[[nodiscard]] std::unique_ptr<storage::VolumeLock> hold_volume(
    storage::Volume& volume, const Config& config, const Session& session,
    std::function<void(const util::Error& why)> on_lost);

}  // namespace nai::app
