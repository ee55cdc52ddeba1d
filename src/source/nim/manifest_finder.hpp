// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <nai/util/log.hpp>

#include <source/nim/image.hpp>
#include <source/nim/layer_scan.hpp>

namespace nai::source {

// How far a search goes.
struct SearchLimits {
  std::uint64_t small_layer_bytes = std::uint64_t{32} << 20U;  // read in the first pass
  std::uint64_t max_read_bytes = std::uint64_t{2} << 30U;      // of all layers, as transferred
  std::uint64_t max_output_bytes = std::uint64_t{16} << 30U;   // of all layers, unpacked
};

struct FoundFile {
  std::string path;
  std::string content;
  bool verified = false;  // the layer was read to its end and has the digest of the manifest
  digest::Digest layer;
};

// Finds a file in the layers of an image without fetching all of them: first the small layers and
// those whose build step speaks of it, then the others, each time from the top down.
class ManifestFinder {
 public:
  ManifestFinder(RegistryClient& registry, const Image& image, util::Log& log,
                 SearchLimits limits = {});

  // The first of `candidates` (absolute paths) that the image has. Empty when there is none, or
  // none within the limits; problem() says so then. Throws Error.
  [[nodiscard]] std::optional<FoundFile> find(const std::vector<std::string>& candidates,
                                              const std::stop_token& stop);
  [[nodiscard]] const std::string& problem() const { return m_problem; }

 private:
  enum class Step { found, missing, restart };

  [[nodiscard]] std::vector<std::size_t> order(std::size_t& cheap) const;
  [[nodiscard]] Step pass(const std::vector<std::string>& candidates, const std::stop_token& stop);
  [[nodiscard]] Step evaluate(std::span<const std::string> candidates);
  [[nodiscard]] bool scan(std::size_t layer, const std::stop_token& stop);

  RegistryClient& m_registry;
  const Image& m_image;
  util::Log& m_log;
  SearchLimits m_limits;
  WantedFiles m_wanted;
  std::vector<std::optional<LayerFacts>> m_layers;
  std::uint64_t m_read = 0;
  std::uint64_t m_unpacked = 0;
  std::optional<FoundFile> m_found;
  std::string m_problem;
};

}  // namespace nai::source
