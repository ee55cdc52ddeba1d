// SPDX-License-Identifier: Apache-2.0
#include "app/logged_client.hpp"

#include <chrono>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <nai/util/text.hpp>
#include <nai/util/units.hpp>

namespace nai::app {

namespace {

constexpr std::size_t k_max_id_bytes = 200;

std::string_view name(http::Method method) {
  switch (method) {
    case http::Method::get:
      return "GET";
    case http::Method::head:
      return "HEAD";
    case http::Method::post:
      return "POST";
  }
  return "GET";
}

// "0-1048575"; empty when all was asked for.
std::string range_of(const http::Request& request) {
  return request.range ? fmt::format("{}-{}", request.range->offset, request.range->end() - 1)
                       : std::string();
}

// By which the operator of a server, a mirror or a CDN finds the request in its own log.
std::string request_id(const http::Response& response) {
  for (const std::string_view field :
       {"X-Request-Id", "X-Amzn-Trace-Id", "X-Amz-Request-Id", "X-Amz-Cf-Id", "CF-Ray"}) {
    if (const auto id = response.headers.find(field); id && !id->empty()) {
      return util::printable(*id, k_max_id_bytes);
    }
  }
  return {};
}

bool has_failed(const http::Response& response) {
  return response.error ? response.error->failure != http::TransportFailure::stopped
                        : response.status >= 400;
}

std::string outcome(const http::Response& response) {
  auto text = response.status == 0 ? std::string("no answer")
                                   : fmt::format("{} {}", response.status,
                                                 util::printable(response.reason, k_max_id_bytes));
  if (response.error) {
    text += " - " + response.error->message;
  } else if (response.refused_by_sink && response.status < 300) {
    text += " - the rest is not wanted";
  }
  return text;
}

double seconds(std::chrono::milliseconds time) {
  return std::chrono::duration<double>(time).count();
}

util::Fields request_fields(const http::Request& request, const http::Response& response,
                            std::uint64_t attempt) {
  util::Fields fields{{"method", std::string(name(request.method))},
                      {"location", request.url.display()},
                      {"status", static_cast<std::uint64_t>(response.status)},
                      {"bytes", response.body_bytes},
                      {"seconds", seconds(response.total_time)},
                      {"seconds_to_first_byte", seconds(response.first_byte_time)},
                      {"attempt", attempt}};
  if (request.range) {
    fields.emplace_back("range", range_of(request));
  }
  if (auto id = request_id(response); !id.empty()) {
    fields.emplace_back("request_id", std::move(id));
  }
  if (response.error) {
    fields.emplace_back("error", response.error->message);
  }
  return fields;
}

}  // namespace

LoggedClient::LoggedClient(std::unique_ptr<http::Client> client, util::Log& log)
    : m_client(std::move(client)), m_log(log) {}

http::Response LoggedClient::send(const http::Request& request, http::BodySink& sink,
                                  const std::stop_token& stop) {
  http::Response response = m_client->send(request, sink, stop);
  if (m_log.enabled(util::Level::debug)) {
    tell(request, response);
  }
  return response;
}

// Counts from 1 again once it has succeeded.
std::uint64_t LoggedClient::count_attempt(const std::string& asked, bool failed) {
  const std::scoped_lock lock(m_mutex);
  const std::uint64_t attempt = ++m_failed[asked];
  if (!failed) {
    m_failed.erase(asked);
  }
  return attempt;
}

void LoggedClient::tell(const http::Request& request, const http::Response& response) {
  const std::string location = request.url.display();
  const std::string range = range_of(request);
  const auto attempt = count_attempt(fmt::format("{} {} {}", name(request.method), location, range),
                                     has_failed(response));
  const std::string id = request_id(response);
  m_log.debug("request",
              fmt::format("{} {}{}: {} - {} in {:.3f} s, the first byte after {:.3f} s - attempt "
                          "{}{}",
                          name(request.method), location, range.empty() ? "" : " bytes " + range,
                          outcome(response), util::format_bytes(response.body_bytes),
                          seconds(response.total_time), seconds(response.first_byte_time), attempt,
                          id.empty() ? "" : " - request id " + id),
              request_fields(request, response, attempt));
}

}  // namespace nai::app
