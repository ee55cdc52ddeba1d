// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nai::test {

// What a person sees: a terminal of that many columns, which takes text, carriage returns, line
// feeds and the few escape sequences that move up a line and erase it. Lines longer than the
// terminal wrap. Lines that scroll out are kept.
class Screen {
 public:
  explicit Screen(std::size_t columns) : m_columns(columns), m_rows(1) {}

  void write(std::string_view bytes);
  // All lines from the first, without spaces at their ends, without empty lines at the end.
  [[nodiscard]] std::string text() const;
  // Escape sequences that this terminal does not know; a program should send none.
  [[nodiscard]] const std::string& unknown() const { return m_unknown; }
  // Whether any line was too long for the terminal.
  [[nodiscard]] bool has_wrapped() const { return m_has_wrapped; }

 private:
  void put(std::string_view character);
  void take_escape(std::string_view sequence);

  using Row = std::vector<std::string>;  // one cell a character

  std::size_t m_columns;
  std::vector<Row> m_rows;
  std::size_t m_row = 0;
  std::size_t m_column = 0;
  std::string m_pending;  // an escape sequence or character that is not complete
  std::string m_unknown;
  bool m_has_wrapped = false;
};

}  // namespace nai::test
