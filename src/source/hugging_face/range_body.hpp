// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <nai/http/client.hpp>
#include <nai/source/source.hpp>

namespace nai::source {

// What one request asks for, and where its bytes go.
struct RangeRequest {
  const Artifact& artifact;
  util::ByteRange range;
  RangeSink& sink;
};

// Why a response cannot be what was asked for.
struct Mismatch {
  std::string cause;  // empty: it can
  // It says that the entity itself is another one than the manifest's, not only that this answer is
  // bad.
  bool contradicts_manifest = false;

  [[nodiscard]] explicit operator bool() const { return !cause.empty(); }
};

// Whether a 200 or 206 is exactly the range of an entity of the artifact's size.
[[nodiscard]] Mismatch check_content_head(const http::Response& head, const RangeRequest& request);

// Lets bytes through to the range sink only from a response that passed all checks, and never more
// than the range; keeps the body of an error instead.
class RangeBody final : public http::BodySink {
 public:
  // What else to check of the head of a 200 or 206, before any byte.
  using HeadCheck = std::function<Mismatch(const http::Response& head)>;

  RangeBody(const RangeRequest& request, HeadCheck check)
      : m_request(&request), m_check(std::move(check)) {}

  bool on_response(const http::Response& head) override;
  bool on_data(std::span<const std::byte> data) override;

  // A 200 or 206 that passed.
  [[nodiscard]] bool accepted() const { return m_accepted; }
  // Why a 200 or 206 did not pass.
  [[nodiscard]] const Mismatch& mismatch() const { return m_mismatch; }
  [[nodiscard]] bool complete() const { return m_delivered == m_request->range.length; }
  [[nodiscard]] bool too_long() const { return m_too_long; }
  [[nodiscard]] bool sink_had_enough() const { return m_sink_had_enough; }
  [[nodiscard]] std::uint64_t delivered() const { return m_delivered; }
  [[nodiscard]] const std::string& error_body() const { return m_error_body; }

 private:
  const RangeRequest* m_request;
  HeadCheck m_check;
  bool m_accepted = false;
  Mismatch m_mismatch;
  std::uint64_t m_delivered = 0;
  bool m_too_long = false;
  bool m_sink_had_enough = false;
  std::string m_error_body;
};

}  // namespace nai::source
