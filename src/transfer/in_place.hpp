// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>

#include <nai/digest/hasher.hpp>
#include <nai/storage/volume.hpp>

namespace nai::transfer {

struct Reading {
  std::span<std::byte> buffer;
  std::function<void(std::size_t bytes)> note;  // called for each piece that was hashed
  const std::stop_token& stop;
};

// Reads the file that stands at its place below model-files, to its end; what its checksum is.
// Empty when there is none, and when stopped. Throws Error{storage}.
[[nodiscard]] std::optional<digest::Digest> digest_in_place(const storage::Volume& volume,
                                                            const storage::FileIdentity& file,
                                                            const Reading& reading);

// Reads on from where `hasher` stands until `end` of the file or its own end. False when there is
// no file, and when stopped. Throws Error{storage}.
[[nodiscard]] bool hash_in_place(const storage::Volume& volume, const storage::FileIdentity& file,
                                 digest::Hasher& hasher, std::uint64_t end, const Reading& reading);

// Whether that is the right one, and the size too. False also when stopped.
[[nodiscard]] bool matches_in_place(const storage::Volume& volume,
                                    const storage::FileIdentity& file, const Reading& reading);

// Publishes the file from what other programs left on the volume, if anything of that has the right
// checksum; what cannot be read counts as wrong. False also when stopped. Throws Error{storage,
// no_space or volume_busy}.
[[nodiscard]] bool take_over(storage::Volume& volume, const storage::FileIdentity& file,
                             const Reading& reading, util::Log& log);

}  // namespace nai::transfer
