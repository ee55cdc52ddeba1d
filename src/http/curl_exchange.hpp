// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <stop_token>
#include <string_view>

#include <nai/http/client.hpp>

namespace nai::http {

// One exchange while libcurl drives it: takes what the callbacks bring, feeds the sink, and decides
// when to give up. Nothing may be thrown through libcurl's C frames, so what the sink throws is
// kept here until the transfer is over.
class CurlExchange {
 public:
  // `header_timeout` is how long after the start the response's header must be complete.
  CurlExchange(const Request& request, BodySink& sink, const std::stop_token& stop,
               std::chrono::milliseconds header_timeout);

  // libcurl's callbacks; `self` is a CurlExchange. Their types are those of CURLOPT_HEADERFUNCTION,
  // CURLOPT_WRITEFUNCTION and CURLOPT_XFERINFOFUNCTION.
  static std::size_t on_header(char* data, std::size_t size, std::size_t count,
                               void* self) noexcept;
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static int on_progress(void* self, std::int64_t, std::int64_t, std::int64_t,
                         std::int64_t) noexcept;

  // After the transfer: rethrows what the sink threw.
  void rethrow() const;
  // After the transfer, when this object ended it: why. Empty when libcurl did.
  [[nodiscard]] std::optional<TransportError> own_error() const;
  [[nodiscard]] bool refused() const { return m_refused; }
  [[nodiscard]] bool head_complete() const { return m_head_complete; }
  // The response so far, with its times.
  [[nodiscard]] Response take_response();

 private:
  using Time = std::chrono::steady_clock::time_point;

  bool take_header_line(std::string_view line);
  void add_field(std::string_view line);
  bool finish_head();
  bool take_body(std::span<const std::byte> data);
  bool should_abort();
  void give_up(TransportFailure failure, std::string message);
  [[nodiscard]] std::chrono::milliseconds elapsed() const;

  BodySink* m_sink;
  std::stop_token m_stop;
  std::chrono::milliseconds m_header_timeout;
  std::optional<std::chrono::seconds> m_time_limit;
  Time m_start;

  Response m_response;
  std::size_t m_header_bytes = 0;
  std::uint64_t m_drained_bytes = 0;
  bool m_head_complete = false;
  bool m_refused = false;
  std::optional<TransportError> m_own_error;
  std::exception_ptr m_exception;
};

}  // namespace nai::http
