// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace mock {

// The bytes of one file and their digests. A cheap value: copies share what was computed. All
// members may be called from any thread.
class Content {
 public:
  // An empty file.
  Content();

  static Content inline_bytes(std::string bytes);

  // Pseudo-random bytes that depend on the seed and on the position; `fill_generated` tells which.
  static Content generated(std::uint64_t seed, std::uint64_t size);

  // The same, with the first bytes replaced by `head`, which must not be longer than `size`.
  static Content generated_with_head(std::string head, std::uint64_t seed, std::uint64_t size);

  // Takes no memory, whatever the size.
  static Content zeros(std::uint64_t size);

  // Looks at the file now; throws std::system_error. It must not change, and is opened for each
  // read, so that thousands of files need no descriptors.
  static Content file(const std::filesystem::path& path);

  std::uint64_t size() const;

  // Fills all of `out`; `offset + out.size()` must not pass the end. Throws when
  // a file on disk went or shrank.
  void read(std::uint64_t offset, std::span<char> out) const;

  // Lower-case hex. Computed at the first call, which reads everything (about 1.8 GB/s); later
  // calls, of copies too, are free.
  const std::string& sha256() const;
  const std::string& git_blob_sha1() const;

  // Names the bytes in a digest cache; empty when caching does not pay.
  std::string cache_key() const;

  // Takes the SHA-256 on trust, e.g. from a digest cache. No effect once it was computed.
  void assume_sha256(std::string_view hex) const;

 private:
  struct Shared;
  explicit Content(std::shared_ptr<Shared> shared);

  std::shared_ptr<Shared> m_shared;
};

// What `Content::generated` holds at [offset, offset + out.size()). The file is a row of blocks of
// 4096 bytes. Block b of a file with seed s starts with s and b as little-endian 64-bit numbers;
// its bytes 16 to 4095 are those of block `splitmix64(s ^ splitmix64(b)) % 256` of one fixed 1 MiB
// tile of pseudo-random bytes (the output of splitmix64 with state 0, little-endian). So shifted,
// swapped or foreign bytes never go unseen.
void fill_generated(std::uint64_t seed, std::uint64_t offset, std::span<char> out);

}  // namespace mock
