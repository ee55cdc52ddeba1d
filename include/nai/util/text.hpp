// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nai::util {

// Without leading and trailing ASCII white space.
[[nodiscard]] std::string_view trim(std::string_view text);
// ASCII only.
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);
[[nodiscard]] bool contains_ignoring_case(std::string_view text, std::string_view part);
// Splits at every `separator`; "a,,b" gives three parts, "" gives one.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);
// The whole of `text` as a decimal number without sign; empty on anything else or overflow.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text);

// Lower-case hexadecimal.
[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);
// Empty unless `text` is an even number of hexadecimal digits of either case.
[[nodiscard]] std::optional<std::vector<std::byte>> from_hex(std::string_view text);

// `text` fit for one line of a log: control characters, invalid UTF-8 and terminal escapes replaced
// by '?', cut to `max_bytes` with "..." at the end. Line feeds stay when `keep_lines`.
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_bytes,
                                    bool keep_lines = false);

}  // namespace nai::util
