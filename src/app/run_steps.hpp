// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <nai/storage/volume.hpp>
#include <nai/transfer/download.hpp>
#include <nai/util/clock.hpp>

#include "app/config.hpp"
#include "app/log.hpp"
#include "app/run_status.hpp"

namespace nai::app {

// Steps that a download takes whether it brings all of a model or a shard.

// Makes the directories of the contract and tells which are new.
void prepare_directories(storage::Volume& volume, Console& console);
void announce_start(const Config& config, const std::string& revision, Console& console);
// What the files of `manifest` are to the volume.
[[nodiscard]] std::vector<storage::FileIdentity> identities_of(const source::Manifest& manifest);
// Tells what was on the volume before anything was fetched.
void tell_found(const transfer::Progress& progress, Console& console);
// As configured, and within the memory that the container may use.
[[nodiscard]] transfer::Options transfer_options(const Config& config);
// This process, for those who watch it.
[[nodiscard]] RunIdentity this_run(const Config& config, const std::string& revision,
                                   const util::Clock& clock);

}  // namespace nai::app
