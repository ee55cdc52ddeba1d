// SPDX-License-Identifier: Apache-2.0
#include <nai/digest/digest.hpp>

#include <array>

#include <fmt/format.h>

#include <nai/util/text.hpp>

namespace nai::digest {

namespace {

constexpr std::array k_algorithms{Algorithm::sha256, Algorithm::git_blob_sha1, Algorithm::blake3,
                                  Algorithm::size_only};

std::size_t hex_length(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::git_blob_sha1:
      return 40;
    case Algorithm::size_only:
      return 16;
    default:
      return 64;
  }
}

}  // namespace

std::string_view name(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::sha256:
      return "sha256";
    case Algorithm::git_blob_sha1:
      return "git-sha1";
    case Algorithm::blake3:
      return "blake3";
    case Algorithm::size_only:
      return "size";
  }
  return "";
}

bool proves_content(Algorithm algorithm) { return algorithm != Algorithm::size_only; }

Digest Digest::of_size(std::uint64_t bytes) {
  return {Algorithm::size_only, fmt::format("{:016x}", bytes)};
}

std::optional<Digest> Digest::from_hex(Algorithm algorithm, std::string_view hex) {
  if (hex.size() != hex_length(algorithm) || !util::from_hex(hex)) {
    return std::nullopt;
  }
  return Digest(algorithm, util::to_lower(hex));
}

std::optional<Digest> Digest::parse(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  for (const Algorithm algorithm : k_algorithms) {
    if (text.substr(0, colon) == name(algorithm)) {
      return from_hex(algorithm, text.substr(colon + 1));
    }
  }
  return std::nullopt;
}

std::string Digest::to_string() const { return std::string(name(m_algorithm)) + ":" + m_hex; }

}  // namespace nai::digest
