// SPDX-License-Identifier: Apache-2.0
#include "in_place.hpp"

#include <fcntl.h>

#include <cstdint>

#include <nai/digest/hasher.hpp>
#include <nai/util/file.hpp>

namespace nai::transfer {

std::optional<digest::Digest> digest_in_place(const storage::Volume& volume,
                                              const storage::FileIdentity& file,
                                              const Reading& reading) {
  const auto path = volume.layout().model_file(file.path);
  const auto fd = util::open_existing(path, O_RDONLY | O_NOFOLLOW);
  if (!fd) {
    return std::nullopt;
  }
  digest::Hasher hasher(file.digest.algorithm(), file.size);
  while (!reading.stop.stop_requested()) {
    const std::size_t got = util::read_at(*fd, reading.buffer, hasher.position(), path);
    if (got == 0) {
      return hasher.digest();
    }
    hasher.update(reading.buffer.first(got));
    reading.note(got);
  }
  return std::nullopt;
}

bool matches_in_place(const storage::Volume& volume, const storage::FileIdentity& file,
                      const Reading& reading) {
  const auto found = util::stat_path(volume.layout().model_file(file.path));
  return found && static_cast<std::uint64_t>(found->st_size) == file.size &&
         digest_in_place(volume, file, reading) == file.digest;
}

}  // namespace nai::transfer
