// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <source/nim/registry_client.hpp>

namespace nai::source {

struct Layer {
  Blob blob;
  std::string created_by;  // the build step that made it, as far as the image tells
};

// "linux/amd64" or "linux/arm64/v8".
struct Platform {
  std::string os;
  std::string architecture;
  std::string variant;

  [[nodiscard]] static std::optional<Platform> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
};

// An image of one platform, as its manifest and configuration describe it.
struct Image {
  digest::Digest reference_digest;  // of what the reference named: an index, or the manifest itself
  digest::Digest digest;            // of the platform's manifest
  Platform platform;                // its own, as its configuration has it; else the one asked for
  std::vector<Layer> layers;        // the lowest first
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> environment;
};

// Follows the reference to the platform's image. Everything but the reference's own answer is
// checked by size and digest. Throws Error.
[[nodiscard]] Image resolve_image(RegistryClient& registry, const ImageReference& reference,
                                  const Platform& platform, const std::stop_token& stop);

}  // namespace nai::source
