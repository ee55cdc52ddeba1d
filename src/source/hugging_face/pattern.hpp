// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nai::source {

// A pattern as Python's fnmatch.fnmatchcase reads it and huggingface_hub applies it to a file's
// path: '*' crosses '/', '?' is one character, [seq] and [!seq] are sets, there is no escape,
// backslashes count as '/', and a pattern that ends with '/' means everything below.
class Pattern {
 public:
  explicit Pattern(std::string_view text);

  [[nodiscard]] bool matches(std::string_view path) const;

 private:
  struct Element {
    enum class Kind { literal, any_one, any_run, set };
    Kind kind = Kind::literal;
    char32_t literal = 0;
    bool negated = false;
    std::vector<std::pair<char32_t, char32_t>> ranges = {};

    [[nodiscard]] bool accepts(char32_t c) const;
  };

  static Element parse_set(std::u32string_view content);

  std::vector<Element> m_elements;
};

}  // namespace nai::source
