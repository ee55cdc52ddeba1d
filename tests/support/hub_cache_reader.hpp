// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace nai::test {

// Looks files up in a cache as the hf-hub library (0.3) documents it, with a directory a
// repository: the text of refs/<revision>, as it stands there, names the snapshot, and a file is
// there if snapshots/<text>/<path> can be followed to something. Shares nothing with the writer.
class HubCacheReader {
 public:
  explicit HubCacheReader(std::filesystem::path hub) : m_hub(std::move(hub)) {}

  [[nodiscard]] std::optional<std::filesystem::path> get(const std::string& repository,
                                                         const std::string& revision,
                                                         const std::string& path) const {
    std::string folder = "models--" + repository;
    for (auto slash = folder.find('/'); slash != std::string::npos; slash = folder.find('/')) {
      folder.replace(slash, 1, "--");
    }
    std::ifstream reference(m_hub / folder / "refs" / revision, std::ios::binary);
    if (!reference) {
      return std::nullopt;
    }
    const std::string snapshot(std::istreambuf_iterator<char>(reference), {});
    const auto file = m_hub / folder / "snapshots" / snapshot / path;
    return std::filesystem::exists(file) ? std::optional(file) : std::nullopt;
  }

 private:
  std::filesystem::path m_hub;
};

}  // namespace nai::test
