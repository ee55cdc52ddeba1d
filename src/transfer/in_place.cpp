// SPDX-License-Identifier: Apache-2.0
#include "in_place.hpp"

#include <fcntl.h>

#include <nai/digest/hasher.hpp>
#include <nai/util/file.hpp>

namespace nai::transfer {

bool matches_in_place(const storage::Volume& volume, const storage::FileIdentity& file,
                      const Reading& reading) {
  const auto path = volume.layout().model_file(file.path);
  const auto fd = util::open_existing(path, O_RDONLY | O_NOFOLLOW);
  if (!fd) {
    return false;
  }
  digest::Hasher hasher(file.digest.algorithm(), file.size);
  while (!reading.stop.stop_requested()) {
    const std::size_t got = util::read_at(*fd, reading.buffer, hasher.position(), path);
    if (got == 0) {
      return hasher.position() == file.size && hasher.digest() == file.digest;
    }
    hasher.update(reading.buffer.first(got));
    reading.progress.bytes_hashed += got;
  }
  return false;
}

}  // namespace nai::transfer
