// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <source/hugging_face/pattern.hpp>

namespace nai::source {

// Which files of a revision to fetch.
class Selection {
 public:
  // With patterns, a file is wanted when it matches one of `include` (or there are none) and none
  // of `exclude`. Without, the rule decides from all paths of the revision: where the weights are
  // there as safetensors, or else as PyTorch's .bin, the other formats of the same are left out.
  Selection(const std::vector<std::string>& include, const std::vector<std::string>& exclude,
            const std::vector<std::string_view>& all_paths);

  [[nodiscard]] bool wants(std::string_view path) const;

 private:
  std::vector<Pattern> m_include;
  std::vector<Pattern> m_exclude;
};

}  // namespace nai::source
