// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace nai::util {

// Parses foreign text. Refuses nesting deeper than 64 and anything that is not UTF-8 JSON; the
// result is empty then, and `problem` (if given) says why in a few words.
[[nodiscard]] std::optional<nlohmann::json> parse_json(std::string_view text,
                                                       std::string* problem = nullptr);

// The member `name` of an object if it is there and has the type asked for; never throws.
[[nodiscard]] std::optional<std::string> string_member(const nlohmann::json& object,
                                                       std::string_view name);
// Whole, non-negative numbers only.
[[nodiscard]] std::optional<std::uint64_t> unsigned_member(const nlohmann::json& object,
                                                           std::string_view name);
// Null when absent.
[[nodiscard]] const nlohmann::json* member(const nlohmann::json& object, std::string_view name);

}  // namespace nai::util
