// SPDX-License-Identifier: Apache-2.0
#include <source/hugging_face/pattern.hpp>

#include <algorithm>

namespace nai::source {

namespace {

// Code points, as Python counts characters. Bytes that are not UTF-8 become lone surrogates, which
// is what Python makes of them in the environment.
std::u32string decode(std::string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    bool valid = (lead < 0x80 || lead >= 0xC2) && lead <= 0xF4 && i + length <= text.size();
    char32_t code = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t k = 1; valid && k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      valid = (next & 0xC0U) == 0x80U;
      code = (code << 6U) | (next & 0x3FU);
    }
    out += valid ? code : char32_t{0xDC00} + lead;
    i += valid ? length : 1;
  }
  std::replace(out.begin(), out.end(), U'\\', U'/');
  return out;
}

// The parts of a set between the hyphens that make ranges: in "a-cx-z" these are "a", "cx" and "z".
// A hyphen at an end, or right after a range, is a literal.
std::vector<std::u32string> split_ranges(std::u32string_view content, std::size_t first_hyphen) {
  std::vector<std::u32string> chunks;
  std::size_t start = 0;
  std::size_t hyphen = content.find(U'-', first_hyphen);
  while (hyphen != std::u32string_view::npos) {
    chunks.emplace_back(content.substr(start, hyphen - start));
    start = hyphen + 1;
    hyphen = content.find(U'-', hyphen + 3);
  }
  if (start < content.size()) {
    chunks.emplace_back(content.substr(start));
  } else if (!chunks.empty()) {
    chunks.back() += U'-';
  }
  // A range that runs backwards is empty: its ends go.
  for (std::size_t k = chunks.size(); k-- > 1;) {
    if (chunks[k - 1].back() > chunks[k].front()) {
      chunks[k - 1].pop_back();
      chunks[k - 1] += chunks[k].substr(1);
      chunks.erase(chunks.begin() + static_cast<std::ptrdiff_t>(k));
    }
  }
  return chunks;
}

}  // namespace

// `content` is what stands between the brackets.
Pattern::Element Pattern::parse_set(std::u32string_view content) {
  const bool marked = content.front() == U'!';
  const std::vector<std::u32string> chunks = split_ranges(content, marked ? 2 : 1);
  Element set{.kind = Element::Kind::set};
  set.negated = !chunks.empty() && chunks.front().starts_with(U'!');
  for (std::size_t k = 0; k < chunks.size(); ++k) {
    std::u32string_view chunk = chunks[k];
    if (k == 0 && set.negated) {
      chunk.remove_prefix(1);
    }
    for (const char32_t c : chunk) {
      set.ranges.emplace_back(c, c);
    }
    if (k > 0) {
      set.ranges.emplace_back(chunks[k - 1].back(), chunks[k].front());
    }
  }
  return set;
}

Pattern::Pattern(std::string_view text) {
  std::u32string pattern = decode(text);
  if (pattern.ends_with(U'/')) {
    pattern += U'*';
  }
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char32_t c = pattern[i];
    if (c == U'*') {
      m_elements.push_back({.kind = Element::Kind::any_run});
    } else if (c == U'?') {
      m_elements.push_back({.kind = Element::Kind::any_one});
    } else if (c == U'[') {
      std::size_t from = i + 1;
      from += from < pattern.size() && pattern[from] == U'!' ? 1 : 0;
      const std::size_t end =
          pattern.find(U']', std::min(from, pattern.size()) +
                                 (from < pattern.size() && pattern[from] == U']' ? 1 : 0));
      if (end == std::u32string::npos) {
        m_elements.push_back({.literal = c});
        continue;
      }
      m_elements.push_back(parse_set(std::u32string_view(pattern).substr(i + 1, end - i - 1)));
      i = end;
    } else {
      m_elements.push_back({.literal = c});
    }
  }
}

bool Pattern::Element::accepts(char32_t c) const {
  switch (kind) {
    case Kind::literal:
      return c == literal;
    case Kind::any_one:
      return true;
    case Kind::set:
      return negated != std::any_of(ranges.begin(), ranges.end(), [c](const auto& range) {
               return range.first <= c && c <= range.second;
             });
    case Kind::any_run:
      break;
  }
  return false;
}

// Going back to the last '*' only is enough, and keeps hostile patterns from taking exponential
// time.
bool Pattern::matches(std::string_view path) const {
  const std::u32string text = decode(path);
  std::size_t at = 0;
  std::size_t element = 0;
  std::size_t star = std::string::npos;
  std::size_t star_at = 0;
  while (at < text.size()) {
    if (element < m_elements.size() && m_elements[element].kind == Element::Kind::any_run) {
      star = element++;
      star_at = at;
    } else if (element < m_elements.size() && m_elements[element].accepts(text[at])) {
      ++element;
      ++at;
    } else if (star != std::string::npos) {
      element = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  return std::all_of(m_elements.begin() + static_cast<std::ptrdiff_t>(element), m_elements.end(),
                     [](const Element& e) { return e.kind == Element::Kind::any_run; });
}

}  // namespace nai::source
