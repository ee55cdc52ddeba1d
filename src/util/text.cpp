// SPDX-License-Identifier: Apache-2.0
#include <nai/util/text.hpp>

#include <algorithm>
#include <charconv>

namespace nai::util {

namespace {

constexpr std::string_view k_white_space = " \t\r\n\f\v";
constexpr std::string_view k_hex_digits = "0123456789abcdef";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

int hex_value(char c) {
  const auto at = k_hex_digits.find(lower(c));
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// The length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none (RFC
// 3629, table 3-7 of the Unicode standard reduced to lead byte and continuation count; surrogates
// and overlongs are refused).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = byte(0);
  std::size_t length = 0;
  if (lead < 0x80) {
    return 1;
  }
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
  } else {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) {
      return 0;
    }
  }
  const bool overlong_or_surrogate =
      (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
      (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F);
  return overlong_or_surrogate ? 0 : length;
}

// C1 controls (U+0080 to U+009F) can drive a terminal as well as C0 ones.
bool is_control(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  return lead < 0x20 || lead == 0x7F ||
         (lead == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0);
}

// Drops whole characters from the end of well-formed UTF-8 until it fits.
void shorten(std::string& text, std::size_t max_bytes) {
  std::size_t length = std::min(text.size(), max_bytes);
  const auto continues = [&](std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  while (continues(length)) {
    --length;
  }
  text.resize(length);
}

}  // namespace

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(k_white_space);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(k_white_space) - first + 1);
}

std::string to_lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool contains_ignoring_case(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char x, char y) { return lower(x) == lower(y); }) != text.end() ||
         part.empty();
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(at + 1);
  }
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::string to_hex(std::span<const std::byte> bytes) {
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    hex.push_back(k_hex_digits[value >> 4U]);
    hex.push_back(k_hex_digits[value & 0xFU]);
  }
  return hex;
}

std::optional<std::vector<std::byte>> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) {
    return std::nullopt;
  }
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<std::byte>(high * 16 + low));
  }
  return bytes;
}

std::string printable(std::string_view text, std::size_t max_bytes, bool keep_lines) {
  constexpr std::string_view k_ellipsis = "...";
  std::string result;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
    const bool kept_line_feed = keep_lines && sequence == "\n";
    const bool shown = kept_line_feed || (length != 0 && !is_control(sequence));
    const std::string_view output = shown ? sequence : std::string_view("?");
    if (result.size() + output.size() > max_bytes) {
      shorten(result, max_bytes - std::min(max_bytes, k_ellipsis.size()));
      return result.append(k_ellipsis.substr(0, max_bytes));
    }
    result += output;
    text.remove_prefix(sequence.size());
  }
  return result;
}

}  // namespace nai::util
