// SPDX-License-Identifier: Apache-2.0
#include <http/curl_exchange.hpp>

#include <curl/curl.h>
#include <fmt/format.h>

#include <string>
#include <type_traits>
#include <utility>

#include <nai/util/text.hpp>

namespace nai::http {

namespace {

static_assert(std::is_same_v<curl_off_t, std::int64_t>, "on_progress() is libcurl's callback");

// All header blocks of one exchange together, so that endless interim responses end too.
constexpr std::size_t k_max_header_bytes = std::size_t{64} * 1024;
// What is cheaper to read to its end than a new connection with its handshakes.
constexpr std::uint64_t k_max_drained_bytes = std::uint64_t{64} * 1024;

std::string seconds(std::chrono::milliseconds duration) {
  return fmt::format("{:.0f} s", std::chrono::duration<double>(duration).count());
}

}  // namespace

CurlExchange::CurlExchange(const Request& request, BodySink& sink, const std::stop_token& stop,
                           std::chrono::milliseconds header_timeout)
    : m_sink(&sink),
      m_stop(stop),
      m_header_timeout(header_timeout),
      m_time_limit(request.time_limit),
      m_start(std::chrono::steady_clock::now()) {}

std::size_t CurlExchange::on_header(char* data, std::size_t size, std::size_t count,
                                    void* self) noexcept {
  auto* exchange = static_cast<CurlExchange*>(self);
  try {
    return exchange->take_header_line({data, size * count}) ? size * count : 0;
  } catch (...) {
    exchange->m_exception = std::current_exception();
    return 0;
  }
}

std::size_t CurlExchange::on_body(char* data, std::size_t size, std::size_t count,
                                  void* self) noexcept {
  auto* exchange = static_cast<CurlExchange*>(self);
  try {
    const std::span<const char> bytes(data, size * count);
    return exchange->take_body(std::as_bytes(bytes)) ? size * count : CURL_WRITEFUNC_ERROR;
  } catch (...) {
    exchange->m_exception = std::current_exception();
    return CURL_WRITEFUNC_ERROR;
  }
}

int CurlExchange::on_progress(void* self, std::int64_t, std::int64_t, std::int64_t,
                              std::int64_t) noexcept {
  auto* exchange = static_cast<CurlExchange*>(self);
  try {
    return exchange->should_abort() ? 1 : 0;
  } catch (...) {
    exchange->m_exception = std::current_exception();
    return 1;
  }
}

bool CurlExchange::take_header_line(std::string_view line) {
  m_header_bytes += line.size();
  if (m_header_bytes > k_max_header_bytes) {
    give_up(TransportFailure::protocol,
            fmt::format("response header larger than {} KiB", k_max_header_bytes / 1024));
    return false;
  }
  if (m_head_complete) {
    return true;  // trailers of a chunked body
  }
  if (line.starts_with(' ') || line.starts_with('\t')) {
    return true;  // a continuation, obsolete since RFC 7230: no field that we read is sent so
  }
  line = util::trim(line);
  if (line.starts_with("HTTP/")) {
    m_response = {};
    m_response.first_byte_time = elapsed();
    const auto code = line.find(' ');
    const std::string_view status =
        code == std::string_view::npos ? std::string_view{} : line.substr(code + 1);
    m_response.status = static_cast<int>(util::parse_decimal(status.substr(0, 3)).value_or(0));
    m_response.reason = util::trim(status.substr(std::min<std::size_t>(status.size(), 3)));
    return true;
  }
  if (line.empty()) {
    return m_response.status < 200 || finish_head();
  }
  add_field(line);
  return true;
}

void CurlExchange::add_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) {
    return;
  }
  m_response.headers.add(std::string(line.substr(0, colon)),
                         std::string(util::trim(line.substr(colon + 1))));
}

bool CurlExchange::finish_head() {
  m_head_complete = true;
  m_refused = !m_sink->on_response(m_response);
  return true;
}

bool CurlExchange::take_body(std::span<const std::byte> data) {
  if (m_refused) {
    const auto length =
        util::parse_decimal(m_response.headers.find("Content-Length").value_or("")).value_or(0);
    m_drained_bytes += data.size();
    return length <= k_max_drained_bytes && m_drained_bytes <= k_max_drained_bytes;
  }
  m_response.body_bytes += data.size();
  m_refused = !m_sink->on_data(data);
  return !m_refused;
}

bool CurlExchange::should_abort() {
  if (m_stop.stop_requested()) {
    give_up(TransportFailure::stopped, "stopped");
    return true;
  }
  if (!m_head_complete && elapsed() > m_header_timeout) {
    give_up(TransportFailure::timed_out,
            "no complete response header within " + seconds(m_header_timeout));
    return true;
  }
  if (m_time_limit && elapsed() > *m_time_limit) {
    give_up(TransportFailure::timed_out, "not complete within " + seconds(*m_time_limit));
    return true;
  }
  return false;
}

void CurlExchange::give_up(TransportFailure failure, std::string message) {
  m_own_error = TransportError{failure, std::move(message)};
}

void CurlExchange::rethrow() const {
  if (m_exception) {
    std::rethrow_exception(m_exception);
  }
}

std::optional<TransportError> CurlExchange::own_error() const { return m_own_error; }

Response CurlExchange::take_response() {
  m_response.total_time = elapsed();
  return std::move(m_response);
}

std::chrono::milliseconds CurlExchange::elapsed() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               m_start);
}

}  // namespace nai::http
