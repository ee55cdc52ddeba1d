// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include <nai/storage/shards.hpp>
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

// The same for one shard of a sharded download. Throws Error{volume_busy} past the wait limit of
// `config`.
[[nodiscard]] std::unique_ptr<storage::VolumeLock> hold_shard(
    const storage::ShardBoard& board, std::uint64_t index, const Config& config,
    const Session& session, std::function<void(const util::Error& why)> on_lost);

// Whether somebody began a shard of `plan` and did not say that it has ended.
[[nodiscard]] bool is_worked_on(const storage::ShardBoard& board, const storage::ShardPlan& plan);

}  // namespace nai::app
