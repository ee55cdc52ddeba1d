// SPDX-License-Identifier: Apache-2.0
#include "support/terminal.hpp"

#include <algorithm>
#include <utility>

namespace nai::test {

namespace {

constexpr char k_escape = '\x1b';

// Of the UTF-8 character that begins with `first`.
std::size_t length_of(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

bool is_complete(std::string_view pending) {
  if (pending.front() != k_escape) {
    return pending.size() == length_of(pending.front());
  }
  return pending.size() > 2 && pending.back() >= '@' && pending.back() <= '~';
}

}  // namespace

void Screen::write(std::string_view bytes) {
  for (const char byte : bytes) {
    m_pending += byte;
    if (!is_complete(m_pending)) {
      continue;
    }
    const std::string complete = std::exchange(m_pending, {});
    if (complete.front() == k_escape) {
      take_escape(complete);
    } else {
      put(complete);
    }
  }
}

void Screen::put(std::string_view character) {
  if (character == "\r") {
    m_column = 0;
    return;
  }
  if (character == "\n") {
    ++m_row;
    m_rows.resize(std::max(m_rows.size(), m_row + 1));
    return;
  }
  if (m_column == m_columns) {
    m_has_wrapped = true;
    m_column = 0;
    put("\n");
  }
  Row& row = m_rows[m_row];
  row.resize(std::max(row.size(), m_column + 1), " ");
  row[m_column++] = character;
}

void Screen::take_escape(std::string_view sequence) {
  if (sequence == "\x1b[K") {
    m_rows[m_row].resize(std::min(m_rows[m_row].size(), m_column));
  } else if (sequence == "\x1b[A") {
    m_row -= std::min<std::size_t>(m_row, 1);
  } else {
    m_unknown += sequence.substr(1);
  }
}

std::string Screen::text() const {
  std::string text;
  for (const Row& row : m_rows) {
    std::string line;
    for (const std::string& cell : row) {
      line += cell;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  const auto end = text.find_last_not_of('\n');
  return end == std::string::npos ? std::string() : text.substr(0, end + 1) + "\n";
}

}  // namespace nai::test
