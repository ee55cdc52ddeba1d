// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/content.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mock {

// Header fields in order; names compare without case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : m_fields(fields) {}

  // The first field of the name.
  std::optional<std::string> get(std::string_view name) const;
  bool has(std::string_view name) const { return get(name).has_value(); }

  void add(std::string name, std::string value);
  // Replaces all fields of the name.
  void set(std::string name, std::string value);
  void remove(std::string_view name);

  const std::vector<std::pair<std::string, std::string>>& fields() const { return m_fields; }

 private:
  std::vector<std::pair<std::string, std::string>> m_fields;
};

using Query = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;
  std::string target;  // as sent
  std::string path;    // the target before '?', still percent-encoded
  std::string query;   // after '?', still percent-encoded
  Headers headers;
  std::string body;

  bool is_head() const { return method == "HEAD"; }

  // The decoded value of one query parameter.
  std::optional<std::string> parameter(std::string_view name) const;
};

// A stretch of a content.
struct Segment {
  Content content;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct Response {
  int status = 200;
  Headers headers;
  std::vector<Segment> body;  // sent one after the other
  // The body is bytes of a repository's file: counted, shaped, and subject to body faults.
  bool is_content = false;
  // Where the body begins in the file; only with is_content.
  std::uint64_t file_offset = 0;

  std::uint64_t body_size() const;
};

Response text_response(int status, std::string text,
                       std::string content_type = "text/plain; charset=utf-8");
Response json_response(int status, std::string json);

const char* reason_phrase(int status);

std::string percent_decode(std::string_view text);
// Encodes all but unreserved characters, and '/' unless it is to be kept.
std::string percent_encode(std::string_view text, bool keep_slash = false);
Query parse_query(std::string_view query);
std::vector<std::string> split(std::string_view text, char separator);
bool equals_ignoring_case(std::string_view a, std::string_view b);

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(std::int64_t unix_seconds);

// The request line and the header fields without the empty line; nothing when it is malformed.
std::optional<Request> parse_head(std::string_view head);

std::string render_head(int status, const Headers& headers);

}  // namespace mock
