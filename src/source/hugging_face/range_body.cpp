// SPDX-License-Identifier: Apache-2.0
#include <source/hugging_face/range_body.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <nai/util/text.hpp>

#include <source/hugging_face/hub_error.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_max_shown_value_bytes = 100;

std::string shown(std::string_view value) {
  return util::printable(value, k_max_shown_value_bytes);
}

std::string wrong_size(std::uint64_t said, std::uint64_t expected) {
  return fmt::format("the server has {} bytes of a file that is listed with {}", said, expected);
}

Mismatch check_partial(const http::Response& head, const RangeRequest& request) {
  const auto value = head.headers.find("Content-Range");
  const auto content_range = http::parse_content_range(value.value_or(""));
  const std::string asked = fmt::format("{}-{}", request.range.offset, request.range.end() - 1);
  if (!content_range) {
    return {.cause = fmt::format(
                "asked for bytes {}, got 206 with {}", asked,
                value ? "Content-Range \"" + shown(*value) + "\"" : "no Content-Range")};
  }
  if (content_range->total && *content_range->total != request.artifact.size) {
    return {.cause = wrong_size(*content_range->total, request.artifact.size),
            .contradicts_manifest = true};
  }
  if (content_range->range != request.range || !content_range->total) {
    return {.cause =
                fmt::format("asked for bytes {}, got Content-Range \"{}\"", asked, shown(*value))};
  }
  return {};
}

Mismatch check_whole(const http::Response& head, const RangeRequest& request) {
  const util::ByteRange whole{.offset = 0, .length = request.artifact.size};
  if (request.range != whole) {
    return {.cause = fmt::format("asked for bytes {}-{}, got the whole file (200)",
                                 request.range.offset, request.range.end() - 1)};
  }
  const auto length = util::parse_decimal(head.headers.find("Content-Length").value_or(""));
  if (length && *length != request.artifact.size) {
    return {.cause = wrong_size(*length, request.artifact.size), .contradicts_manifest = true};
  }
  return {};
}

}  // namespace

Mismatch check_content_head(const http::Response& head, const RangeRequest& request) {
  const std::string_view coding = head.headers.find("Content-Encoding").value_or("identity");
  if (!util::equals_ignoring_case(coding, "identity") && !coding.empty()) {
    return {.cause = fmt::format("the content came encoded ({}) although identity was asked for",
                                 shown(coding))};
  }
  if (head.status == 200) {
    return check_whole(head, request);
  }
  Mismatch mismatch = check_partial(head, request);
  const auto length = util::parse_decimal(head.headers.find("Content-Length").value_or(""));
  if (!mismatch && length && *length != request.range.length) {
    mismatch.cause = fmt::format("Content-Length {} does not fit the range of {} bytes", *length,
                                 request.range.length);
  }
  return mismatch;
}

bool RangeBody::on_response(const http::Response& head) {
  if (head.status == 200 || head.status == 206) {
    m_mismatch = check_content_head(head, *m_request);
    if (!m_mismatch) {
      m_mismatch = m_check(head);
    }
    m_accepted = !m_mismatch;
    return m_accepted;
  }
  return head.status >= 400;
}

bool RangeBody::on_data(std::span<const std::byte> data) {
  if (!m_accepted) {
    const std::size_t taken = std::min(data.size(), k_max_error_body_bytes - m_error_body.size());
    for (const std::byte byte : data.first(taken)) {
      m_error_body += static_cast<char>(byte);
    }
    return taken == data.size();
  }
  const std::uint64_t missing = m_request->range.length - m_delivered;
  m_too_long = data.size() > missing;
  const auto wanted =
      data.first(static_cast<std::size_t>(std::min<std::uint64_t>(data.size(), missing)));
  if (!wanted.empty()) {
    m_sink_had_enough = !m_request->sink.write(wanted);
    m_delivered += wanted.size();
  }
  return !m_too_long && !m_sink_had_enough;
}

}  // namespace nai::source
