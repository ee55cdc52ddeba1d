// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <stop_token>

#include <nai/storage/volume.hpp>
#include <nai/transfer/progress.hpp>

namespace nai::transfer {

struct Reading {
  std::span<std::byte> buffer;
  Progress& progress;
  const std::stop_token& stop;
};

// Reads the file that stands at its place below model-files; true if it has the right checksum.
// False also when stopped. Throws Error{storage}.
[[nodiscard]] bool matches_in_place(const storage::Volume& volume,
                                    const storage::FileIdentity& file, const Reading& reading);

}  // namespace nai::transfer
