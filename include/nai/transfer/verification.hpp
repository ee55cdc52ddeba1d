// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <stop_token>
#include <string>
#include <vector>

#include <nai/storage/volume.hpp>
#include <nai/transfer/progress.hpp>
#include <nai/util/byte_range.hpp>

namespace nai::transfer {

enum class FileVerdict {
  right,
  wrong,       // other content, or another size
  missing,     // nothing there, or no regular file
  unreadable,  // the volume has an error in it
};

struct VerifiedFile {
  FileVerdict verdict = FileVerdict::missing;
  std::string found = {};  // what is there instead, for people: a size, a checksum, an error
  // Where a wrong file is wrong, ascending; empty when that is not known.
  std::vector<util::ByteRange> damaged = {};
};

// Reads all of these files and compares them with their checksums, whatever is recorded of them,
// on `threads` threads, which share large files where their digest trails allow that. The results
// are in the order of `files`. Counts in `progress`. Blocks. Throws Error{interrupted} on stop.
[[nodiscard]] std::vector<VerifiedFile> verify(const storage::Volume& volume,
                                               const std::vector<storage::FileIdentity>& files,
                                               std::size_t threads, Progress& progress,
                                               const std::stop_token& stop);

}  // namespace nai::transfer
