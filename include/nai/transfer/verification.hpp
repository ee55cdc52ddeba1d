// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
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
  unreadable,  // an error of the volume, also when tried again
  changed,     // somebody writes to it, or replaced it, also when it was read again
};

struct VerifiedFile {
  FileVerdict verdict = FileVerdict::missing;
  std::string found = {};  // what is there instead, for people: a size, a checksum, an error
  // Where a wrong file is wrong, ascending; empty when that is not known.
  std::vector<util::ByteRange> damaged = {};
};

// Reads all of these files from the disk, past the page cache, and compares them with their
// checksums, whatever is recorded of them, on `threads` threads, which share large files where
// their digest trails allow that. What is not right, or cannot be read, is read twice before that
// is said. The results are in the order of `files`. Counts in `progress`. Blocks. Throws
// Error{interrupted} on stop; what is wrong with a file is a result.
[[nodiscard]] std::vector<VerifiedFile> verify(const storage::Volume& volume,
                                               const std::vector<storage::FileIdentity>& files,
                                               std::size_t threads, Progress& progress,
                                               const std::stop_token& stop);

// How many threads to do that with: one a processor, less if their buffers would take more than a
// quarter of `memory_limit` bytes.
[[nodiscard]] std::size_t verification_threads(std::size_t processors,
                                               std::optional<std::uint64_t> memory_limit);

}  // namespace nai::transfer
