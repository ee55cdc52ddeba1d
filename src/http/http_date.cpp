// SPDX-License-Identifier: Apache-2.0
// parse_http_date() of message.hpp. By hand, because strptime() follows the locale.
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include <nai/http/message.hpp>
#include <nai/util/text.hpp>

namespace nai::http {

namespace {

using TimePoint = std::chrono::system_clock::time_point;

constexpr std::array<std::string_view, 12> k_months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct DateParts {
  std::string_view day;
  std::string_view month;
  std::string_view year;
  std::string_view time;
};

std::optional<int> parse_number(std::string_view text, std::size_t digits) {
  const auto number = text.size() == digits ? util::parse_decimal(text) : std::nullopt;
  if (!number) {
    return std::nullopt;
  }
  return static_cast<int>(*number);
}

std::optional<std::chrono::seconds> parse_time(std::string_view text) {
  const std::vector<std::string_view> parts = util::split(text, ':');
  if (parts.size() != 3) {
    return std::nullopt;
  }
  const auto hour = parse_number(parts[0], 2);
  const auto minute = parse_number(parts[1], 2);
  const auto second = parse_number(parts[2], 2);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  return std::chrono::hours{*hour} + std::chrono::minutes{*minute} + std::chrono::seconds{*second};
}

// A two-digit year is one of this era; the obsolete form is not used for any other.
std::optional<int> parse_year(std::string_view text) {
  if (text.size() == 4) {
    return parse_number(text, 4);
  }
  const auto year = parse_number(text, 2);
  if (!year) {
    return std::nullopt;
  }
  return *year >= 70 ? 1900 + *year : 2000 + *year;
}

std::optional<TimePoint> to_time_point(const DateParts& parts) {
  const auto month = std::find(k_months.begin(), k_months.end(), parts.month);
  const auto day = parse_number(parts.day, parts.day.size() == 1 ? 1 : 2);
  const auto year = parse_year(parts.year);
  const auto time = parse_time(parts.time);
  if (month == k_months.end() || !day || !year || !time || *year < 1970) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{
      std::chrono::year{*year},
      std::chrono::month{static_cast<unsigned>(month - k_months.begin()) + 1},
      std::chrono::day{static_cast<unsigned>(*day)}};
  // The clock counts nanoseconds in 64 bits, which end in 2262.
  if (!date.ok() || *year > 2200) {
    return std::nullopt;
  }
  return std::chrono::sys_days{date} + *time;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words = util::split(text, ' ');
  std::erase(words, std::string_view{});
  return words;
}

}  // namespace

std::optional<TimePoint> parse_http_date(std::string_view value) {
  const std::vector<std::string_view> words = words_of(util::trim(value));
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (words.size() == 6 && words[0].ends_with(',') && words[5] == "GMT") {
    return to_time_point({.day = words[1], .month = words[2], .year = words[3], .time = words[4]});
  }
  // Sunday, 06-Nov-94 08:49:37 GMT
  if (words.size() == 4 && words[0].ends_with(',') && words[3] == "GMT") {
    const std::vector<std::string_view> date = util::split(words[1], '-');
    if (date.size() != 3) {
      return std::nullopt;
    }
    return to_time_point({.day = date[0], .month = date[1], .year = date[2], .time = words[2]});
  }
  // Sun Nov  6 08:49:37 1994
  if (words.size() == 5) {
    return to_time_point({.day = words[2], .month = words[1], .year = words[4], .time = words[3]});
  }
  return std::nullopt;
}

}  // namespace nai::http
