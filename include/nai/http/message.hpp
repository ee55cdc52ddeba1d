// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nai/http/url.hpp>
#include <nai/util/byte_range.hpp>

namespace nai::http {

struct Header {
  std::string name;
  std::string value;
};

// Header fields in the order they came; names compare without case.
class Headers {
 public:
  void add(std::string name, std::string value);
  // The first field of that name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] const std::vector<Header>& all() const { return m_fields; }

 private:
  std::vector<Header> m_fields;
};

enum class Method { get, head, post };

// One request. The client adds User-Agent, `Accept-Encoding: identity` and the Range field; it
// follows no redirect and keeps no cookies.
struct Request {
  Url url;
  Method method = Method::get;
  Headers headers = {};
  std::optional<util::ByteRange> range = {};
  std::string body = {};  // for post
  // For the whole exchange, however steadily it goes on; for answers that are small by nature.
  std::optional<std::chrono::seconds> time_limit = {};
  bool wants_peer = false;  // the response is to tell who answered
};

// Who is at the other end of a connection, for people who look for a fault.
struct Peer {
  std::string address = {};  // that was connected to, the proxy's if there is one
  bool by_proxy = false;
  // Of the server's certificate and of the authority that vouches for it; empty without TLS, and
  // when a session was continued.
  std::string subject = {};
  std::string issuer = {};
  std::string authority = {};
  std::string authority_origin = {};  // "built in", or the file it was read from
};

// Why there is no complete response.
enum class TransportFailure {
  name_resolution,
  connect,
  proxy,
  tls,            // handshake failed for a reason other than trust
  tls_untrusted,  // certificate: unknown issuer, wrong name, expired
  timed_out,      // no connection, no complete header in time, or over the request's time limit
  stalled,        // the body came slower than the limit for too long
  closed,         // connection lost before the body was complete
  protocol,       // not HTTP, header block too large, or the like
  stopped,        // stop was requested
};

struct TransportError {
  TransportFailure failure = TransportFailure::protocol;
  std::string message;  // one line for people, without credentials or signatures
};

struct Response {
  int status = 0;  // 0 when no status line arrived
  std::string reason;
  Headers headers;
  std::optional<TransportError> error;  // set when the exchange did not complete
  std::optional<Peer> peer = {};        // when it was asked for
  bool refused_by_sink = false;         // the sink wanted no more; `error` is empty then
  std::uint64_t body_bytes = 0;         // bytes of body handed to the sink
  std::chrono::milliseconds first_byte_time{0};
  std::chrono::milliseconds total_time{0};
};

// `Content-Range: bytes 0-99/1000`; the total is empty for `/*`.
struct ContentRange {
  util::ByteRange range;
  std::optional<std::uint64_t> total;
};

// Parsers of foreign header values. All return empty on anything malformed and never throw.

[[nodiscard]] std::optional<ContentRange> parse_content_range(std::string_view value);
// The total of `Content-Range: bytes */1000`, which comes with a 416.
[[nodiscard]] std::optional<std::uint64_t> parse_unsatisfied_range(std::string_view value);
// The target of the link with rel="next".
[[nodiscard]] std::optional<std::string> parse_next_link(std::string_view value);
// The three forms of RFC 9110, 5.6.7.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parse_http_date(
    std::string_view value);
// Seconds or an HTTP date, as a wait from `now`; a date in the past is zero.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(
    std::string_view value, std::chrono::system_clock::time_point now);
// How long to wait when the Hub's `RateLimit: "api";r=0;t=172` says that nothing remains in this
// window.
[[nodiscard]] std::optional<std::chrono::seconds> parse_rate_limit_wait(std::string_view value);
// An entity tag without weakness mark and quotes.
[[nodiscard]] std::string normalize_etag(std::string_view value);

}  // namespace nai::http
