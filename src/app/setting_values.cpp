// SPDX-License-Identifier: Apache-2.0
#include "app/setting_values.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include <nai/util/json.hpp>
#include <nai/util/text.hpp>
#include <nai/util/units.hpp>

namespace nai::app {

namespace {

using util::k_kib;

constexpr std::size_t k_max_plain_name_bytes = 256;

bool has_space_or_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F;
  });
}

// A list written as JSON starts with [" (or is []); anything else that starts with a bracket is a
// pattern.
bool is_json_list(std::string_view value) {
  if (!value.starts_with('[')) {
    return false;
  }
  const auto inside = util::trim(value.substr(1));
  return inside.starts_with('"') || inside.starts_with(']');
}

}  // namespace

std::string set_number(std::uint64_t& target, std::string_view value,
                       Limits<std::uint64_t> limits) {
  const auto number = util::parse_decimal(value);
  if (!number || *number < limits.least || *number > limits.most) {
    return fmt::format("a whole number from {} to {}", limits.least, limits.most);
  }
  target = *number;
  return {};
}

std::string set_size(std::uint64_t& target, std::string_view value, Limits<std::uint64_t> limits) {
  const auto size = util::parse_bytes(value);
  if (!size || *size < limits.least || *size > limits.most || *size % (4 * k_kib) != 0) {
    return fmt::format("a size from {}KiB to {}KiB in steps of 4KiB, such as 512KiB or 4MiB",
                       limits.least / k_kib, limits.most / k_kib);
  }
  target = *size;
  return {};
}

std::string set_duration(std::chrono::milliseconds& target, std::string_view value,
                         Limits<std::chrono::milliseconds> limits) {
  const auto duration = util::parse_duration(value);
  if (!duration || *duration < limits.least || *duration > limits.most) {
    const auto seconds = [](std::chrono::milliseconds time) {
      return fmt::format("{:g}s", static_cast<double>(time.count()) / 1000);
    };
    return fmt::format("a duration from {} to {}, such as 500ms, 10s, 5m or 2h",
                       seconds(limits.least), seconds(limits.most));
  }
  target = *duration;
  return {};
}

std::string set_url(std::optional<http::Url>& target, std::string_view value) {
  auto url = parse_endpoint(value);
  if (!url) {
    return "an http or https address without a query, such as https://huggingface.co";
  }
  target = std::move(url);
  return {};
}

std::string set_path(std::filesystem::path& target, std::string_view value) {
  auto path = std::filesystem::path(value).lexically_normal();
  target = path.has_filename() || !path.has_relative_path() ? path : path.parent_path();
  return {};
}

// The rules of git-check-ref-format that keep a revision apart from a path or an expression.
std::string set_revision(std::string& target, std::string_view value) {
  constexpr std::array<std::string_view, 4> k_refused{"..", "//", "@{", "\\"};
  const bool refused = value.size() > k_max_plain_name_bytes || has_space_or_control(value) ||
                       value.find_first_of("~^:?*[") != std::string_view::npos ||
                       value.front() == '/' || value.back() == '/' || value.front() == '-' ||
                       std::any_of(k_refused.begin(), k_refused.end(), [&](std::string_view part) {
                         return value.find(part) != std::string_view::npos;
                       });
  if (refused) {
    return "a branch, a tag, refs/pr/N, or a short or full commit";
  }
  target = value;
  return {};
}

std::string set_model_name(std::string& target, std::string_view value) {
  if (util::printable(value, k_max_plain_name_bytes) != value) {
    return fmt::format("a name of at most {} printable characters", k_max_plain_name_bytes);
  }
  target = value;
  return {};
}

std::string set_boolean(bool& target, std::string_view value) {
  const std::string word = util::to_lower(value);
  const bool yes = word == "true" || word == "1" || word == "yes" || word == "on";
  if (!yes && word != "false" && word != "0" && word != "no" && word != "off") {
    return "true or false";
  }
  target = yes;
  return {};
}

std::string add_patterns(std::vector<std::string>& target, std::string_view value) {
  constexpr std::string_view k_accepted = R"(patterns such as *.json,*.txt or ["*.json", "*.txt"])";
  if (!is_json_list(value)) {
    for (const auto part : util::split(value, ',')) {
      if (const auto pattern = util::trim(part); !pattern.empty()) {
        target.emplace_back(pattern);
      }
    }
    return {};
  }
  const auto list = util::parse_json(value);
  const auto is_text = [](const nlohmann::json& pattern) { return pattern.is_string(); };
  if (!list || !list->is_array() || !std::all_of(list->begin(), list->end(), is_text)) {
    return std::string(k_accepted);
  }
  for (const auto& pattern : *list) {
    if (!pattern.get_ref<const std::string&>().empty()) {
      target.push_back(pattern.get<std::string>());
    }
  }
  return {};
}

std::string add_tags(std::map<std::string, std::string>& target, std::string_view value) {
  for (const std::string_view part : util::split(value, ',')) {
    const std::string_view tag = util::trim(part);
    const auto equals = tag.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      return "tags and their values, such as tp=1,precision=bf16";
    }
    target.insert_or_assign(std::string(util::trim(tag.substr(0, equals))),
                            std::string(util::trim(tag.substr(equals + 1))));
  }
  return {};
}

std::optional<http::Url> parse_endpoint(std::string_view text) {
  constexpr std::string_view k_scheme_end = "://";
  if (text.find_first_of("?#") != std::string_view::npos) {
    return std::nullopt;
  }
  std::string address(text);
  if (address.find(k_scheme_end) == std::string::npos) {
    address.insert(0, "https://");
  }
  while (address.ends_with('/') && !address.ends_with(k_scheme_end)) {
    address.pop_back();
  }
  return http::Url::parse(address);
}

}  // namespace nai::app
