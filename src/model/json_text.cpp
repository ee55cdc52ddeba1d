// SPDX-License-Identifier: Apache-2.0
#include "json_text.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace nai::model {

JsonText::JsonText(ReadAt read, std::uint64_t begin, std::uint64_t end, bool python)
    : m_read(std::move(read)), m_at(begin), m_end(end), m_python(python) {
  advance();
}

// The byte `ahead` of the next one; -1 behind the end. `ahead` is at most a word's length.
int JsonText::peek(std::size_t ahead) {
  while (m_first + ahead >= m_last) {
    std::move(m_buffer.begin() + static_cast<std::ptrdiff_t>(m_first),
              m_buffer.begin() + static_cast<std::ptrdiff_t>(m_last), m_buffer.begin());
    m_last -= std::exchange(m_first, 0);
    const auto room = std::span(m_buffer).subspan(m_last);
    const auto wanted = std::min<std::uint64_t>(room.size(), m_end - m_at);
    const std::size_t got =
        wanted == 0 ? 0 : m_read(room.first(static_cast<std::size_t>(wanted)), m_at);
    if (got == 0) {
      return -1;
    }
    m_at += got;
    m_last += got;
  }
  return std::to_integer<int>(m_buffer[m_first + ahead]);
}

bool JsonText::skip(std::string_view word) {
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (peek(i) != word[i]) {
      return false;
    }
  }
  m_first += word.size();
  return true;
}

void JsonText::advance() {
  m_cut = m_cut || m_token_bytes > k_longest_token;
  const int next = m_cut ? -1 : peek(0);
  m_at_end = next < 0;
  if (m_at_end) {
    return;
  }
  if (m_python && !m_in_string && (skip("NaN") || skip("Infinity"))) {
    m_current = '0';
    return;
  }
  ++m_first;
  m_current = static_cast<char>(next);
  follow_strings(m_current);
}

void JsonText::follow_strings(char c) {
  constexpr std::string_view k_between_tokens = " \t\r\n,:[]{}";
  const bool separates = !m_in_string && k_between_tokens.find(c) != std::string_view::npos;
  m_token_bytes = separates ? 0 : m_token_bytes + 1;
  if (m_escaped) {
    m_escaped = false;
  } else if (m_in_string && c == '\\') {
    m_escaped = true;
  } else if (c == '"') {
    m_in_string = !m_in_string;
  }
}

}  // namespace nai::model
