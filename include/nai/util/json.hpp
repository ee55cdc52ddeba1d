// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace nai::util {

// A short text can be many values, each of which takes some 50 times the bytes that it has there.
inline constexpr std::size_t k_max_json_values = 2'000'000;

// Parses foreign text. Refuses nesting deeper than 64, more values than `max_values` (lists and
// objects included), and anything that is not UTF-8 JSON; the result is empty then, and `problem`
// (if given) says why in a few words.
[[nodiscard]] std::optional<nlohmann::json> parse_json(std::string_view text,
                                                       std::string* problem = nullptr,
                                                       std::size_t max_values = k_max_json_values);

// The member `name` of an object if it is there and has the type asked for; never throws.
[[nodiscard]] std::optional<std::string> string_member(const nlohmann::json& object,
                                                       std::string_view name);
// Whole, non-negative numbers only.
[[nodiscard]] std::optional<std::uint64_t> unsigned_member(const nlohmann::json& object,
                                                           std::string_view name);
// Null when absent.
[[nodiscard]] const nlohmann::json* member(const nlohmann::json& object, std::string_view name);

}  // namespace nai::util
