// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include <nai/http/retry.hpp>
#include <nai/source/manifest.hpp>
#include <nai/util/byte_range.hpp>

namespace nai::source {

// Takes the bytes of one range in order, on the thread that called fetch().
class RangeSink {
 public:
  virtual ~RangeSink() = default;
  // False: enough, the rest of the range is not wanted (it was given to another connection, or
  // stop).
  virtual bool write(std::span<const std::byte> data) = 0;
};

// What became of one fetch. Bytes that the sink took before a failure count: they were checked to
// belong to the range.
struct FetchResult {
  http::Verdict verdict = http::Verdict::success;  // success, retry, rate_limited or stopped
  std::string cause = {};  // for people, with the server's words and request id
  std::optional<std::chrono::seconds> server_wish = {};  // do not ask again before
  int status = 0;  // of the response that refused; 0: the connection or the content failed
};

// Where artifacts come from. All calls block; fetch() may be called from many threads at once.
class Source {
 public:
  virtual ~Source() = default;

  // The exact revision, with retries; nothing on the volume is needed for it. Throws Error.
  [[nodiscard]] virtual std::string resolve(const std::stop_token& stop) = 0;
  // The revision's files after selection and path checks, with retries. resolve() came before.
  // Throws Error.
  [[nodiscard]] virtual Manifest list(const std::stop_token& stop) = 0;
  // One attempt to get a range of an artifact. Bytes reach the sink only from a response that is
  // exactly that range of the expected entity. Expired locations are renewed inside. Throws Error
  // when no retry can help (unauthorized, gone), and what the sink threw.
  [[nodiscard]] virtual FetchResult fetch(const Artifact& artifact, util::ByteRange range,
                                          RangeSink& sink, const std::stop_token& stop) = 0;
  // Forgets any cached location of the artifact, because what came from it was wrong.
  virtual void forget(const Artifact& artifact) = 0;
};

}  // namespace nai::source
