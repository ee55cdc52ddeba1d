// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <stop_token>

#include <nai/storage/volume.hpp>

namespace nai::transfer {

struct Reading {
  std::span<std::byte> buffer;
  std::function<void(std::size_t bytes)> note;  // called for each piece that was hashed
  const std::stop_token& stop;
};

// Reads the file that stands at its place below model-files. Whether it has the right checksum and
// size; then its digest trail is kept. What cannot be read counts as wrong. False also when
// stopped.
[[nodiscard]] bool matches_in_place(const storage::Volume& volume,
                                    const storage::FileIdentity& file, const Reading& reading,
                                    util::Log& log);

// Publishes the file from what other programs left on the volume, if anything of that has the right
// checksum; what cannot be read counts as wrong. False also when stopped. Throws Error{storage,
// no_space or volume_busy}.
[[nodiscard]] bool take_over(storage::Volume& volume, const storage::FileIdentity& file,
                             const Reading& reading, util::Log& log);

}  // namespace nai::transfer
