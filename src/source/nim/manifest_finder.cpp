// SPDX-License-Identifier: Apache-2.0
#include <source/nim/manifest_finder.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <nai/util/text.hpp>
#include <nai/util/units.hpp>

namespace nai::source {

namespace {

constexpr int k_max_restarts = 8;

// Whether the build step speaks of the files that are searched.
bool is_hinted(const Layer& layer) {
  return layer.created_by.find("model_manifest") != std::string::npos ||
         layer.created_by.find("/opt/nim/etc") != std::string::npos ||
         layer.created_by.find("/etc/nim") != std::string::npos;
}

}  // namespace

ManifestFinder::ManifestFinder(RegistryClient& registry, const Image& image, util::Log& log,
                               SearchLimits limits)
    : m_registry(registry),
      m_image(image),
      m_log(log),
      m_limits(limits),
      m_layers(image.layers.size()) {}

std::optional<FoundFile> ManifestFinder::find(const std::vector<std::string>& candidates,
                                              const std::stop_token& stop) {
  std::vector<std::string> paths;
  for (const std::string& candidate : candidates) {
    if (const auto path = normalize_path(candidate); path && !path->empty()) {
      paths.push_back(*path);
      m_wanted.paths.insert(*path);
      m_wanted.names.insert(path->substr(path->rfind('/') + 1));
    }
  }
  m_problem = "no layer of the image has one";
  for (int restart = 0; restart <= k_max_restarts; ++restart) {
    const Step step = pass(paths, stop);
    if (step != Step::restart) {
      break;
    }
    m_layers.assign(m_layers.size(), std::nullopt);
    m_wanted.budget = WantedFiles().budget;
  }
  return m_found;
}

// The layers of the first pass, then the others; each from the top down. `cheap` is how many the
// first pass has.
std::vector<std::size_t> ManifestFinder::order(std::size_t& cheap) const {
  std::vector<std::size_t> first;
  std::vector<std::size_t> second;
  for (std::size_t i = m_image.layers.size(); i-- > 0;) {
    const Layer& layer = m_image.layers[i];
    const bool is_cheap = layer.blob.size < m_limits.small_layer_bytes || is_hinted(layer);
    (is_cheap ? first : second).push_back(i);
  }
  cheap = first.size();
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

ManifestFinder::Step ManifestFinder::pass(const std::vector<std::string>& candidates,
                                          const std::stop_token& stop) {
  std::size_t cheap = 0;
  std::size_t scanned = 0;
  for (const std::size_t layer : order(cheap)) {
    if (!scan(layer, stop)) {
      m_problem = fmt::format("it was not found in the {} that were read of the image's layers",
                              util::format_bytes(m_read));
      return Step::missing;
    }
    // A later candidate counts only once no cheap layer has an earlier one.
    const bool all = ++scanned >= cheap;
    const Step step = evaluate(std::span(candidates).first(all ? candidates.size() : 1));
    if (step != Step::missing) {
      return step;
    }
  }
  return Step::missing;
}

ManifestFinder::Step ManifestFinder::evaluate(std::span<const std::string> candidates) {
  for (const std::string& candidate : candidates) {
    const Lookup lookup = look_up(m_layers, m_wanted, candidate);
    if (lookup.content != nullptr) {
      m_found = FoundFile{.path = "/" + candidate,
                          .content = *lookup.content,
                          .verified = lookup.verified,
                          .layer = m_image.layers[lookup.layer].blob.digest};
      return Step::found;
    }
    if (!lookup.needed.empty()) {
      m_wanted.paths.insert(lookup.needed);
      return Step::restart;
    }
  }
  return Step::missing;
}

// False when the limits do not allow it.
bool ManifestFinder::scan(std::size_t layer, const std::stop_token& stop) {
  const Blob& blob = m_image.layers[layer].blob;
  if (m_read >= m_limits.max_read_bytes || m_unpacked >= m_limits.max_output_bytes) {
    return false;
  }
  m_log.debug("layer_scan", fmt::format("reading layer {} of {}, {}", layer + 1,
                                        m_image.layers.size(), util::format_bytes(blob.size)));
  for (int tried = 1;; ++tried) {
    LayerScan scan(blob, m_wanted, m_limits.max_output_bytes - m_unpacked);
    bool over_limit = false;
    m_registry.stream_blob(
        blob,
        [&](std::span<const std::byte> data) {
          m_read += data.size();
          over_limit = m_read > m_limits.max_read_bytes;
          return scan.push(data) && !over_limit;
        },
        stop);
    m_unpacked = std::min(m_unpacked + scan.output_bytes(), m_limits.max_output_bytes);
    try {
      m_layers[layer] = scan.finish();
      m_wanted.budget -= scan.kept_bytes();
      return !over_limit;
    } catch (const util::Error& error) {
      const std::string problem =
          fmt::format("layer {} of {}, as {} sent it: {}", layer + 1, m_image.layers.size(),
                      m_registry.sender(), error.what());
      const bool spent = over_limit || m_unpacked == m_limits.max_output_bytes;
      if (spent || scan.is_intact() || !m_registry.is_worth_another_try(tried, problem, stop)) {
        throw util::Error(error.kind(), problem);
      }
    }
  }
}

}  // namespace nai::source
