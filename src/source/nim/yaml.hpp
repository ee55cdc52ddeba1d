// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nai::source {

// One value of a YAML document. Tags are ignored and all scalars are texts, as they stand there.
// Merges ("<<: *name") are done.
struct YamlNode {
  enum class Kind { scalar, sequence, mapping };

  Kind kind = Kind::scalar;
  std::string scalar = {};
  bool plain = false;  // a scalar without quotes: `~` and `null` mean nothing then
  std::vector<const YamlNode*> items = {};
  std::vector<std::pair<std::string, const YamlNode*>> members = {};  // whose keys are scalars

  // `~`, `null` or nothing, without quotes.
  [[nodiscard]] bool is_null() const;
  [[nodiscard]] bool is_mapping() const { return kind == Kind::mapping; }
  [[nodiscard]] bool is_sequence() const { return kind == Kind::sequence; }
  // Null when absent.
  [[nodiscard]] const YamlNode* find(std::string_view name) const;
  // The member's scalar; empty when absent, null or no scalar.
  [[nodiscard]] std::string text(std::string_view name) const;
};

// The first document of a text. Aliases refer to the node they name, so a small text stays small.
class YamlDocument {
 public:
  // Empty when the text is no YAML, deeper than 64 levels, or has more than four million values;
  // `problem` says why.
  [[nodiscard]] static std::optional<YamlDocument> parse(std::string_view text,
                                                         std::string& problem);

  [[nodiscard]] const YamlNode& root() const { return *m_root; }

 private:
  friend class YamlBuilder;
  std::deque<YamlNode> m_nodes;  // which do not move
  const YamlNode* m_root = nullptr;
};

}  // namespace nai::source
