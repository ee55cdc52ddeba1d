// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace nai::fuzz {

// A fuzzer's input: the first byte chooses a parser, the rest is for it.
struct Input {
  Input(const std::uint8_t* data, std::size_t size)
      : choice(size == 0 ? '0' : static_cast<char>(data[0])),
        text(reinterpret_cast<const char*>(data) + (size == 0 ? 0 : 1), size == 0 ? 0 : size - 1) {}

  char choice;
  std::string text;

  // Up to the first line feed, and what is behind it.
  [[nodiscard]] std::string_view first_line() const {
    return std::string_view(text).substr(0, text.find('\n'));
  }
  [[nodiscard]] std::string_view rest() const {
    const auto end = text.find('\n');
    return end == std::string::npos ? std::string_view() : std::string_view(text).substr(end + 1);
  }
};

// What must hold for every input.
inline void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

}  // namespace nai::fuzz
