// SPDX-License-Identifier: Apache-2.0
#include "in_place.hpp"

#include <fcntl.h>

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

namespace nai::transfer {

namespace {

bool hash_at(const std::filesystem::path& path, digest::Hasher& hasher, std::uint64_t end,
             const Reading& reading) {
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

std::optional<digest::Digest> digest_at(const std::filesystem::path& path,
                                        const storage::FileIdentity& file, const Reading& reading) {
  digest::Hasher hasher(file.digest.algorithm(), file.size);
  if (!hash_at(path, hasher, std::numeric_limits<std::uint64_t>::max(), reading)) {
    return std::nullopt;
  }
  return hasher.digest();
}

bool matches_at(const std::filesystem::path& path, const storage::FileIdentity& file,
                const Reading& reading) {
  const auto found = util::stat_path(path);
  return found && static_cast<std::uint64_t>(found->st_size) == file.size &&
         digest_at(path, file, reading) == file.digest;
}

// Its bytes may lie on a bad sector of a disk; those of the source do not.
bool matches_borrowed(const std::filesystem::path& path, const storage::FileIdentity& file,
                      const Reading& reading, util::Log& log) {
  try {
    return matches_at(path, file, reading);
  } catch (const util::Error& error) {
    log.debug("found_unreadable", error.what());
    return false;
  }
}

}  // namespace

std::optional<digest::Digest> digest_in_place(const storage::Volume& volume,
                                              const storage::FileIdentity& file,
                                              const Reading& reading) {
  return digest_at(volume.layout().model_file(file.path), file, reading);
}

bool hash_in_place(const storage::Volume& volume, const storage::FileIdentity& file,
                   digest::Hasher& hasher, std::uint64_t end, const Reading& reading) {
  return hash_at(volume.layout().model_file(file.path), hasher, end, reading);
}

bool matches_in_place(const storage::Volume& volume, const storage::FileIdentity& file,
                      const Reading& reading) {
  return matches_at(volume.layout().model_file(file.path), file, reading);
}

bool take_over(storage::Volume& volume, const storage::FileIdentity& file, const Reading& reading,
               util::Log& log) {
  for (const auto& found : volume.found_content().candidates(file)) {
    const auto borrowed = volume.borrow(found, file);
    if (!borrowed) {
      continue;
    }
    if (matches_borrowed(*borrowed, file, reading, log)) {
      volume.publish_borrowed(file);
      log.debug("taken_over", fmt::format("{} is taken from {}", file.path, found.string()),
                {{"path", file.path}, {"found", found.string()}});
      return true;
    }
    volume.give_back(found, file);
    if (reading.stop.stop_requested()) {
      return false;
    }
  }
  return false;
}

}  // namespace nai::transfer
