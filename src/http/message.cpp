// SPDX-License-Identifier: Apache-2.0
#include <nai/http/message.hpp>

#include <algorithm>
#include <limits>
#include <utility>

#include <nai/util/text.hpp>

namespace nai::http {

namespace {

// Waits beyond this are somebody's mistake; it also keeps sums within the range of time_point.
constexpr std::chrono::seconds k_longest_wait = std::chrono::hours{24 * 366};

// Structured field values and links quote with '"', inside which separators do not count.
std::vector<std::string_view> split_outside_quotes(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  bool quoted = false;
  bool in_target = false;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && !in_target) {
      quoted = !quoted;
    } else if ((c == '<' || c == '>') && !quoted) {
      in_target = c == '<';
    } else if (c == separator && !quoted && !in_target) {
      parts.push_back(util::trim(text.substr(start, i - start)));
      start = i + 1;
    }
  }
  parts.push_back(util::trim(text.substr(start)));
  return parts;
}

// `name=value` with an optionally quoted value.
std::pair<std::string_view, std::string_view> parse_parameter(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) {
    return {util::trim(text), {}};
  }
  std::string_view value = util::trim(text.substr(equals + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  return {util::trim(text.substr(0, equals)), value};
}

bool has_relation(std::string_view relations, std::string_view wanted) {
  const std::vector<std::string_view> all = util::split(relations, ' ');
  return std::any_of(all.begin(), all.end(), [&](std::string_view relation) {
    return util::equals_ignoring_case(relation, wanted);
  });
}

// What follows "bytes " in a Content-Range, cut at its slash.
std::optional<std::pair<std::string_view, std::string_view>> split_content_range(
    std::string_view value) {
  constexpr std::string_view k_unit = "bytes";
  value = util::trim(value);
  if (value.size() <= k_unit.size() || value[k_unit.size()] != ' ' ||
      !util::equals_ignoring_case(value.substr(0, k_unit.size()), k_unit)) {
    return std::nullopt;
  }
  value = util::trim(value.substr(k_unit.size()));
  const auto slash = value.find('/');
  if (slash == std::string_view::npos) {
    return std::nullopt;
  }
  return std::pair{value.substr(0, slash), value.substr(slash + 1)};
}

}  // namespace

void Headers::add(std::string name, std::string value) {
  m_fields.push_back({std::move(name), std::move(value)});
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  const auto found = std::find_if(m_fields.begin(), m_fields.end(), [&](const Header& field) {
    return util::equals_ignoring_case(field.name, name);
  });
  if (found == m_fields.end()) {
    return std::nullopt;
  }
  return found->value;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
  const auto parts = split_content_range(value);
  if (!parts) {
    return std::nullopt;
  }
  const auto dash = parts->first.find('-');
  if (dash == std::string_view::npos) {
    return std::nullopt;
  }
  const auto first = util::parse_decimal(parts->first.substr(0, dash));
  const auto last = util::parse_decimal(parts->first.substr(dash + 1));
  if (!first || !last || *last < *first || *last == std::numeric_limits<std::uint64_t>::max()) {
    return std::nullopt;
  }
  ContentRange result{.range = {.offset = *first, .length = *last - *first + 1}, .total = {}};
  if (parts->second != "*") {
    result.total = util::parse_decimal(parts->second);
    if (!result.total || *result.total <= *last) {
      return std::nullopt;
    }
  }
  return result;
}

std::optional<std::uint64_t> parse_unsatisfied_range(std::string_view value) {
  const auto parts = split_content_range(value);
  if (!parts || parts->first != "*") {
    return std::nullopt;
  }
  return util::parse_decimal(parts->second);
}

std::optional<std::string> parse_next_link(std::string_view value) {
  for (const std::string_view link : split_outside_quotes(value, ',')) {
    const std::vector<std::string_view> parts = split_outside_quotes(link, ';');
    const std::string_view target = parts.front();
    if (target.size() < 3 || target.front() != '<' || target.back() != '>') {
      continue;
    }
    for (const std::string_view part : std::span(parts).subspan(1)) {
      const auto [name, relations] = parse_parameter(part);
      if (util::equals_ignoring_case(name, "rel") && has_relation(relations, "next")) {
        return std::string(target.substr(1, target.size() - 2));
      }
    }
  }
  return std::nullopt;
}

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                      std::chrono::system_clock::time_point now) {
  value = util::trim(value);
  if (const auto seconds = util::parse_decimal(value)) {
    const auto longest = static_cast<std::uint64_t>(k_longest_wait.count());
    return std::chrono::seconds{std::min(*seconds, longest)};
  }
  const auto date = parse_http_date(value);
  if (!date) {
    return std::nullopt;
  }
  return std::clamp(std::chrono::ceil<std::chrono::seconds>(*date - now), std::chrono::seconds{0},
                    k_longest_wait);
}

std::optional<std::chrono::seconds> parse_rate_limit_wait(std::string_view value) {
  std::optional<std::chrono::seconds> wait;
  for (const std::string_view policy : split_outside_quotes(value, ',')) {
    std::optional<std::uint64_t> remaining;
    std::optional<std::uint64_t> resets_in;
    for (const std::string_view part : split_outside_quotes(policy, ';')) {
      const auto [name, number] = parse_parameter(part);
      if (name == "r") {
        remaining = util::parse_decimal(number);
      } else if (name == "t") {
        resets_in = util::parse_decimal(number);
      }
    }
    if (remaining && *remaining == 0 && resets_in) {
      const auto longest = static_cast<std::uint64_t>(k_longest_wait.count());
      const std::chrono::seconds reset{std::min(*resets_in, longest)};
      wait = std::max(wait.value_or(reset), reset);
    }
  }
  return wait;
}

std::string normalize_etag(std::string_view value) {
  value = util::trim(value);
  if (value.starts_with("W/")) {
    value.remove_prefix(2);
  }
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  return std::string(value);
}

}  // namespace nai::http
