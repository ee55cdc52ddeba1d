// SPDX-License-Identifier: Apache-2.0
#include <nai/util/units.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <nai/util/text.hpp>

namespace nai::util {

namespace {

// A non-negative decimal number and the unit behind it, both trimmed.
std::optional<std::pair<double, std::string>> number_and_unit(std::string_view text) {
  text = trim(text);
  double number = 0;
  const auto [end, problem] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (problem != std::errc{} || !std::isfinite(number) || number < 0) {
    return std::nullopt;
  }
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  return std::pair{number, to_lower(trim(unit))};
}

template <typename Units>
std::optional<double> scale_of(const Units& units, std::string_view unit) {
  for (const auto& [name, scale] : units) {
    if (name == unit) {
      return scale;
    }
  }
  return std::nullopt;
}

using Unit = std::pair<std::string_view, double>;

constexpr std::array<Unit, 15> k_byte_units{{{"", 1},
                                             {"b", 1},
                                             {"k", 1024},
                                             {"kib", 1024},
                                             {"kb", 1e3},
                                             {"m", 1048576},
                                             {"mib", 1048576},
                                             {"mb", 1e6},
                                             {"g", 1073741824},
                                             {"gib", 1073741824},
                                             {"gb", 1e9},
                                             {"t", 1099511627776},
                                             {"tib", 1099511627776},
                                             {"tb", 1e12},
                                             {"bytes", 1}}};

constexpr std::array<Unit, 5> k_time_units{
    {{"", 1e3}, {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}}};

constexpr std::array<std::string_view, 5> k_prefixes{"B", "kB", "MB", "GB", "TB"};

std::string format_scaled(double value, int whole_digits_below) {
  std::size_t prefix = 0;
  while (value >= 999.95 && prefix + 1 < k_prefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  if (prefix == 0) {
    return fmt::format("{:.0f} B", value);
  }
  return fmt::format("{:.{}f} {}", value, value < 10 ? whole_digits_below : 1, k_prefixes[prefix]);
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  return format_scaled(static_cast<double>(bytes), 2);
}

std::string format_rate(double bytes_per_second) {
  return format_scaled(std::max(0.0, bytes_per_second), 1) + "/s";
}

std::string format_duration(std::chrono::seconds duration) {
  const auto total = std::max<std::int64_t>(0, duration.count());
  if (total < 60) {
    return fmt::format("{}s", total);
  }
  if (total < 3600) {
    return fmt::format("{}m{:02}s", total / 60, total % 60);
  }
  if (total < 86400) {
    return fmt::format("{}h{:02}m", total / 3600, total / 60 % 60);
  }
  return fmt::format("{}d{:02}h", total / 86400, total / 3600 % 24);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto parsed = number_and_unit(text);
  const auto scale = parsed ? scale_of(k_byte_units, parsed->second) : std::nullopt;
  if (!scale || parsed->first * *scale > 1e18) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(parsed->first * *scale);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto parsed = number_and_unit(text);
  const auto scale = parsed ? scale_of(k_time_units, parsed->second) : std::nullopt;
  if (!scale || parsed->first * *scale > 1e12) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(parsed->first * *scale));
}

}  // namespace nai::util
