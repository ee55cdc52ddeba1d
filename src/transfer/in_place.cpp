// SPDX-License-Identifier: Apache-2.0
#include "in_place.hpp"

#include <fcntl.h>

#include <algorithm>
#include <limits>

#include <nai/util/file.hpp>

namespace nai::transfer {

std::optional<digest::Digest> digest_in_place(const storage::Volume& volume,
                                              const storage::FileIdentity& file,
                                              const Reading& reading) {
  digest::Hasher hasher(file.digest.algorithm(), file.size);
  if (!hash_in_place(volume, file, hasher, std::numeric_limits<std::uint64_t>::max(), reading)) {
    return std::nullopt;
  }
  return hasher.digest();
}

bool hash_in_place(const storage::Volume& volume, const storage::FileIdentity& file,
                   digest::Hasher& hasher, std::uint64_t end, const Reading& reading) {
  const auto path = volume.layout().model_file(file.path);
  const auto fd = util::open_existing(path, O_RDONLY | O_NOFOLLOW);
  if (!fd) {
    return false;
  }
  while (!reading.stop.stop_requested()) {
    const std::uint64_t position = hasher.position();
    const auto piece =
        reading.buffer.first(std::min<std::uint64_t>(reading.buffer.size(), end - position));
    const std::size_t got = util::read_at(*fd, piece, position, path);
    if (got == 0) {
      return true;
    }
    hasher.update(piece.first(got));
    reading.note(got);
  }
  return false;
}

bool matches_in_place(const storage::Volume& volume, const storage::FileIdentity& file,
                      const Reading& reading) {
  const auto found = util::stat_path(volume.layout().model_file(file.path));
  return found && static_cast<std::uint64_t>(found->st_size) == file.size &&
         digest_in_place(volume, file, reading) == file.digest;
}

}  // namespace nai::transfer
