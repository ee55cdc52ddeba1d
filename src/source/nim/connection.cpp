// SPDX-License-Identifier: Apache-2.0
#include <source/nim/connection.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <nai/util/error.hpp>

#include <source/hugging_face/hub_error.hpp>

namespace nai::source {

Attempts::Attempts(const Connection& connection, std::string purpose)
    : m_connection(connection), m_purpose(std::move(purpose)), m_random(std::random_device{}()) {}

bool Attempts::again(const http::Response& response, const std::string& cause,
                     const std::stop_token& stop) {
  check(stop);
  ++m_failed;
  if (m_failed >= m_connection.retry.max_attempts) {
    return false;
  }
  auto verdict = http::classify(response);
  if (verdict != http::Verdict::rate_limited) {
    verdict = http::Verdict::retry;
  }
  const auto wish = http::server_wish(response, m_connection.clock.system_now());
  const auto delay = http::retry_delay(m_connection.retry, m_failed, verdict, wish, m_random);
  m_connection.log.warning("registry_retry",
                           fmt::format("{}: try {} of {} failed, next in {:.1f} s: {}", m_purpose,
                                       m_failed, m_connection.retry.max_attempts,
                                       std::chrono::duration<double>(delay).count(), cause));
  m_connection.clock.sleep_until(m_connection.clock.steady_now() + delay, stop);
  check(stop);
  return true;
}

void Attempts::check(const std::stop_token& stop) const {
  if (stop.stop_requested()) {
    throw util::Error(util::ErrorKind::interrupted, "stopped while " + m_purpose);
  }
}

bool AnswerSink::on_response(const http::Response& head) {
  m_error_body.clear();
  m_problem.clear();
  m_accepted = false;
  if (head.status == 200 || head.status == 206) {
    m_problem = m_check(head);
    m_accepted = m_problem.empty();
    return m_accepted;
  }
  if (head.status >= 200 && head.status < 300) {
    m_problem = "an answer of this kind has no content";
  }
  return head.status >= 400;
}

bool AnswerSink::on_data(std::span<const std::byte> data) {
  if (m_accepted) {
    m_had_enough = !m_take(data);
    return !m_had_enough;
  }
  const std::size_t taken = std::min(data.size(), k_max_error_body_bytes - m_error_body.size());
  for (const std::byte byte : data.first(taken)) {
    m_error_body += static_cast<char>(byte);
  }
  return taken == data.size();
}

}  // namespace nai::source
