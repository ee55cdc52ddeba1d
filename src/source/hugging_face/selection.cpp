// SPDX-License-Identifier: Apache-2.0
#include <source/hugging_face/selection.hpp>

#include <algorithm>
#include <array>

namespace nai::source {

namespace {

constexpr std::array<std::string_view, 9> k_other_formats = {
    "*.bin", "*.pt", "*.pth", "*.h5", "*.gguf", "*.msgpack", "*.tflite", "*.ot", "*.onnx"};

std::vector<std::string> excluded_by_rule(const std::vector<std::string_view>& all_paths) {
  const auto any_ends_with = [&](std::string_view suffix) {
    return std::any_of(all_paths.begin(), all_paths.end(),
                       [&](std::string_view path) { return path.ends_with(suffix); });
  };
  std::vector<std::string> excluded;
  if (any_ends_with(".safetensors")) {
    excluded.assign(k_other_formats.begin(), k_other_formats.end());
  } else if (any_ends_with(".bin")) {
    excluded.assign(k_other_formats.begin() + 1, k_other_formats.end());
    excluded.emplace_back("*.safetensors");
  }
  return excluded;
}

bool any_matches(const std::vector<Pattern>& patterns, std::string_view path) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const Pattern& pattern) { return pattern.matches(path); });
}

}  // namespace

Selection::Selection(const std::vector<std::string>& include,
                     const std::vector<std::string>& exclude,
                     const std::vector<std::string_view>& all_paths)
    : m_include(include.begin(), include.end()), m_exclude(exclude.begin(), exclude.end()) {
  if (include.empty() && exclude.empty()) {
    for (const std::string& pattern : excluded_by_rule(all_paths)) {
      m_exclude.emplace_back(pattern);
    }
  }
}

bool Selection::wants(std::string_view path) const {
  return (m_include.empty() || any_matches(m_include, path)) && !any_matches(m_exclude, path);
}

}  // namespace nai::source
