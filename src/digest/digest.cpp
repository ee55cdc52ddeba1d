// SPDX-License-Identifier: Apache-2.0
#include <nai/digest/digest.hpp>

#include <nai/util/text.hpp>

namespace nai::digest {

namespace {

std::size_t hex_length(Algorithm algorithm) { return algorithm == Algorithm::sha256 ? 64 : 40; }

}  // namespace

std::string_view name(Algorithm algorithm) {
  return algorithm == Algorithm::sha256 ? "sha256" : "git-sha1";
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
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::git_blob_sha1}) {
    if (text.substr(0, colon) == name(algorithm)) {
      return from_hex(algorithm, text.substr(colon + 1));
    }
  }
  return std::nullopt;
}

std::string Digest::to_string() const { return std::string(name(m_algorithm)) + ":" + m_hex; }

}  // namespace nai::digest
