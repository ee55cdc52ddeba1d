// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <nai/http/url.hpp>

namespace nai::app {

// Each parses `value` (trimmed, not empty) into `target` and returns what would have been accepted;
// an empty text when all is well.

[[nodiscard]] std::string set_url(std::optional<http::Url>& target, std::string_view value);
[[nodiscard]] std::string set_path(std::filesystem::path& target, std::string_view value);
[[nodiscard]] std::string set_revision(std::string& target, std::string_view value);
[[nodiscard]] std::string set_model_name(std::string& target, std::string_view value);
// true or false, and the other words that huggingface_hub takes for them.
[[nodiscard]] std::string set_boolean(bool& target, std::string_view value);
// Adds the patterns of a JSON list or of a comma separated one.
[[nodiscard]] std::string add_patterns(std::vector<std::string>& target, std::string_view value);

// Adds the values of tags: "tp=1,precision=bf16".
[[nodiscard]] std::string add_tags(std::map<std::string, std::string>& target,
                                   std::string_view value);

// Parses "https://host/path", "host" and "host/path" (https then), without a query; a slash at the
// end goes.
[[nodiscard]] std::optional<http::Url> parse_endpoint(std::string_view text);

// A value and its limits, both included.
template <typename Value>
struct Limits {
  Value least;
  Value most;
};

[[nodiscard]] std::string set_number(std::uint64_t& target, std::string_view value,
                                     Limits<std::uint64_t> limits);
// Sizes in steps of 4 KiB, which direct I/O accepts on every file system in use.
[[nodiscard]] std::string set_size(std::uint64_t& target, std::string_view value,
                                   Limits<std::uint64_t> limits);
[[nodiscard]] std::string set_duration(std::chrono::milliseconds& target, std::string_view value,
                                       Limits<std::chrono::milliseconds> limits);

template <typename Value, std::size_t size>
[[nodiscard]] std::string set_choice(
    Value& target, std::string_view value,
    const std::array<std::pair<std::string_view, Value>, size>& choices) {
  std::string accepted;
  for (const auto& [name, meaning] : choices) {
    if (name == value) {
      target = meaning;
      return {};
    }
    accepted += fmt::format("{}{}", accepted.empty() ? "" : " or ", name);
  }
  return accepted;
}

}  // namespace nai::app
