// SPDX-License-Identifier: Apache-2.0
#include <nai/http/message.hpp>
#include <nai/http/url.hpp>

#include "fuzz/input.hpp"

// Header values and addresses that a server sends.

namespace {

using namespace nai;
using nai::fuzz::require;

void content_range(const std::string& text) {
  if (const auto parsed = http::parse_content_range(text)) {
    require(parsed->range.length > 0);
    require(parsed->range.offset <= parsed->range.end() - 1);
    require(!parsed->total || parsed->range.end() <= *parsed->total);
  }
  static_cast<void>(http::parse_unsatisfied_range(text));
}

void waits(const std::string& text) {
  const auto now = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
  for (const auto& wait : {http::parse_retry_after(text, now), http::parse_rate_limit_wait(text)}) {
    require(!wait || (wait->count() >= 0 && wait->count() <= 367L * 86'400));
  }
}

void url(std::string_view base, std::string_view reference) {
  const auto parsed = http::Url::parse(base);
  if (!parsed) {
    return;
  }
  require(!parsed->host().empty() && parsed->path().starts_with('/'));
  require(parsed->scheme() == "http" || parsed->scheme() == "https");
  require(parsed->display().find('?') == std::string::npos);
  const auto again = http::Url::parse(parsed->on_the_wire());
  require(again && again->on_the_wire() == parsed->on_the_wire());
  require(again->same_origin(*parsed));
  static_cast<void>(parsed->query_parameter("X-Amz-Expires"));
  if (const auto target = parsed->resolve(reference)) {
    require(target->on_the_wire().find_first_of("\r\n ") == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  switch (input.choice) {
    case 'c':
      content_range(input.text);
      break;
    case 'w':
      waits(input.text);
      break;
    case 'l':
      static_cast<void>(http::parse_next_link(input.text));
      static_cast<void>(http::normalize_etag(input.text));
      break;
    case 'd':
      static_cast<void>(http::parse_http_date(input.text));
      break;
    default:
      url(input.first_line(), input.rest());
  }
  return 0;
}
