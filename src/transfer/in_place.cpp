// SPDX-License-Identifier: Apache-2.0
#include "in_place.hpp"

#include <fcntl.h>

#include <fmt/format.h>

#include "disk_file.hpp"

#include <nai/digest/hasher.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

namespace nai::transfer {

namespace {

// Reads all of the file and makes it durable: whoever wrote it may not have. False when there is
// none, and when stopped. Throws Error{storage}.
bool hash_at(const std::filesystem::path& path, digest::Hasher& hasher, storage::DigestTrail& trail,
             const Reading& reading) {
  const auto fd = util::open_existing(path, O_RDONLY | O_NOFOLLOW);
  if (!fd) {
    return false;
  }
  while (!reading.stop.stop_requested()) {
    const std::size_t got = util::read_at(*fd, reading.buffer, hasher.position(), path);
    if (got == 0) {
      util::sync_data(*fd, path);
      return true;
    }
    hasher.update(reading.buffer.first(got));
    trail.follow(hasher);
    reading.note(got);
  }
  return false;
}

// Its bytes may lie on a bad sector of a disk; those of the source do not.
bool matches_at(const std::filesystem::path& path, const storage::FileIdentity& file,
                storage::DigestTrail& trail, const Reading& reading, util::Log& log) {
  try {
    const auto found = util::stat_path(path);
    digest::Hasher hasher(file.digest.algorithm(), file.size);
    if (!found || static_cast<std::uint64_t>(found->st_size) != file.size ||
        !hash_at(path, hasher, trail, reading) || hasher.digest() != file.digest) {
      return false;
    }
    // Somebody may be writing to it.
    const auto now = util::stat_path(path);
    return now && same_content(*found, *now);
  } catch (const util::Error& error) {
    log.debug("found_unreadable", error.what());
    return false;
  }
}

}  // namespace

bool matches_in_place(const storage::Volume& volume, const storage::FileIdentity& file,
                      const Reading& reading, util::Log& log) {
  storage::DigestTrail trail(file);
  if (!matches_at(volume.layout().model_file(file.path), file, trail, reading, log)) {
    return false;
  }
  volume.keep_trail(file, trail);
  return true;
}

bool take_over(storage::Volume& volume, const storage::FileIdentity& file, const Reading& reading,
               util::Log& log) {
  for (const auto& found : volume.found_content().candidates(file)) {
    const auto borrowed = volume.borrow(found, file);
    if (!borrowed) {
      continue;
    }
    storage::DigestTrail trail(file);
    if (matches_at(*borrowed, file, trail, reading, log)) {
      volume.publish_borrowed(file, trail);
      log.debug("taken_over", fmt::format("{} is taken from {}", file.path, found.string()),
                {{"path", file.path}, {"found", found.string()}});
      return true;
    }
    if (reading.stop.stop_requested()) {
      return false;  // the next run finds it where it is
    }
    volume.give_back(found, file);
  }
  return false;
}

}  // namespace nai::transfer
