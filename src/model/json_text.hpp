// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include <nai/model/safetensors.hpp>

namespace nai::model {

// JSON text of any length, a buffer at a time, for a parser that takes iterators. What `read`
// throws passes through.
class JsonText {
 public:
  // The bytes from `begin` up to `end`. `python` accepts NaN and Infinity as Python writes them,
  // by showing 0 in their place.
  JsonText(ReadAt read, std::uint64_t begin, std::uint64_t end, bool python = false);

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    explicit Iterator(JsonText* text) : m_text(text) {}
    reference operator*() const { return m_text->m_current; }
    Iterator& operator++() {
      m_text->advance();
      return *this;
    }
    Iterator operator++(int) {
      const Iterator old = *this;
      ++*this;
      return old;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.at_end() == b.at_end();
    }

   private:
    [[nodiscard]] bool at_end() const { return m_text == nullptr || m_text->m_at_end; }

    JsonText* m_text;
  };

  [[nodiscard]] Iterator begin() { return Iterator(this); }
  [[nodiscard]] static Iterator end() { return Iterator(nullptr); }
  // Whether it was cut because of a string or number longer than k_longest_token, which a parser
  // would keep whole.
  [[nodiscard]] bool is_cut() const { return m_cut; }

  static constexpr std::size_t k_longest_token = std::size_t{4} << 20U;

 private:
  [[nodiscard]] int peek(std::size_t ahead);
  bool skip(std::string_view word);
  void advance();
  void follow_strings(char c);

  ReadAt m_read;
  std::uint64_t m_at;
  std::uint64_t m_end;
  bool m_python;
  std::array<std::byte, std::size_t{16} * 1024> m_buffer{};
  std::size_t m_first = 0;  // of what the buffer still has
  std::size_t m_last = 0;
  char m_current = 0;
  bool m_at_end = false;
  bool m_in_string = false;
  bool m_escaped = false;
  std::size_t m_token_bytes = 0;
  bool m_cut = false;
};

}  // namespace nai::model
