// SPDX-License-Identifier: Apache-2.0
#include "support/mock/range.hpp"

#include <algorithm>
#include <charconv>

namespace mock {

namespace {

struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

enum class RangeState {
  absent,
  satisfiable,
  unsatisfiable,
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

// RFC 9110, 14.1.2: what cannot be parsed counts as absent.
RangeState parse_range(std::string_view text, std::uint64_t size, Span& span) {
  constexpr std::string_view k_unit = "bytes=";
  if (!text.starts_with(k_unit)) {
    return RangeState::absent;
  }
  text.remove_prefix(k_unit.size());
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) {
    return RangeState::absent;
  }
  const auto first = number(text.substr(0, dash));
  const auto last = number(text.substr(dash + 1));
  if (!first && last && dash == 0) {
    span = {size - std::min(size, *last), size};
    return span.begin < span.end ? RangeState::satisfiable : RangeState::unsatisfiable;
  }
  if (!first || (!last && dash + 1 != text.size()) || (last && *last < *first)) {
    return RangeState::absent;
  }
  if (*first >= size) {
    return RangeState::unsatisfiable;
  }
  span = {*first, last ? std::min(size, *last + 1) : size};
  return RangeState::satisfiable;
}

bool allows_gzip(const Request& request) {
  const std::string accepted = request.headers.get("Accept-Encoding").value_or("");
  return accepted.find("gzip") != std::string::npos || accepted.find('*') != std::string::npos;
}

std::string_view opaque_tag(std::string_view etag) {
  return etag.starts_with("W/") ? etag.substr(2) : etag;
}

bool matches_any(std::string_view list, const std::string& etag) {
  for (const std::string& item : split(list, ',')) {
    const auto begin = item.find_first_not_of(' ');
    const std::string tag = begin == std::string::npos ? "" : item.substr(begin);
    if (tag == "*" || opaque_tag(tag) == opaque_tag(etag)) {
      return true;
    }
  }
  return false;
}

Response refuse_range(Headers headers, std::uint64_t size) {
  Response response = text_response(
      416,
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InvalidRange</Code><Message>The "
      "requested range is not satisfiable</Message></Error>",
      "application/xml");
  for (const auto& [name, value] : headers.fields()) {
    if (!equals_ignoring_case(name, "Content-Type")) {
      response.headers.add(name, value);
    }
  }
  response.headers.set("Content-Range", "bytes */" + std::to_string(size));
  return response;
}

}  // namespace

Response serve_content(const Request& request, const Content& content, const std::string& etag,
                       Headers headers, const ServeRules& rules) {
  headers.set("ETag", etag);
  headers.set("Accept-Ranges", "bytes");
  if (const auto known = request.headers.get("If-None-Match"); known && matches_any(*known, etag)) {
    Response response;
    response.status = 304;
    response.headers = std::move(headers);
    return response;
  }
  Span span;
  RangeState state = RangeState::absent;
  if (const auto range = request.headers.get("Range")) {
    state = parse_range(*range, content.size(), span);
  }
  const auto condition = request.headers.get("If-Range");
  if ((condition && *condition != etag) ||
      (rules.ignores_range_when_gzip_allowed && allows_gzip(request))) {
    state = RangeState::absent;
  }
  if (state == RangeState::unsatisfiable) {
    return refuse_range(std::move(headers), content.size());
  }
  if (state == RangeState::absent) {
    if (content.size() > rules.largest_without_range && !request.is_head()) {
      return text_response(400, "Bad Request");
    }
    span = {0, content.size()};
  }
  Response response;
  response.status = state == RangeState::absent ? 200 : 206;
  response.headers = std::move(headers);
  if (state == RangeState::satisfiable) {
    response.headers.set("Content-Range", "bytes " + std::to_string(span.begin) + "-" +
                                              std::to_string(span.end - 1) + "/" +
                                              std::to_string(content.size()));
  }
  if (span.begin < span.end) {
    response.body.push_back({content, span.begin, span.end - span.begin});
  }
  response.is_content = true;
  response.file_offset = span.begin;
  return response;
}

}  // namespace mock
