// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace nai::digest {

enum class Algorithm {
  sha256,         // of the content: LFS and Xet files on the Hub, OCI blobs
  git_blob_sha1,  // sha1("blob <size>\0" + content): all other files on the Hub
  blake3,         // of the content: NGC's other checksum
  // No checksum at all, only the number of bytes, in hexadecimal: for what nobody published a
  // checksum of. It tells a truncated file and nothing else.
  size_only,
};

[[nodiscard]] std::string_view name(Algorithm algorithm);  // "sha256", "git-sha1", "blake3", "size"
// Whether equal digests mean equal content.
[[nodiscard]] bool proves_content(Algorithm algorithm);

// A checksum value: lower-case hexadecimal of the right length for its algorithm.
class Digest {
 public:
  // Empty unless `hex` is exactly as many hexadecimal digits as the algorithm has.
  [[nodiscard]] static std::optional<Digest> from_hex(Algorithm algorithm, std::string_view hex);
  // For content that has no checksum.
  [[nodiscard]] static Digest of_size(std::uint64_t bytes);
  // The form of to_string().
  [[nodiscard]] static std::optional<Digest> parse(std::string_view text);

  [[nodiscard]] Algorithm algorithm() const { return m_algorithm; }
  [[nodiscard]] const std::string& hex() const { return m_hex; }
  // "sha256:9f86…".
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const Digest&, const Digest&) = default;

 private:
  Digest(Algorithm algorithm, std::string hex) : m_algorithm(algorithm), m_hex(std::move(hex)) {}

  Algorithm m_algorithm;
  std::string m_hex;
};

}  // namespace nai::digest
