// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <random>
#include <span>
#include <stop_token>
#include <string>

#include <nai/http/client.hpp>
#include <nai/http/retry.hpp>
#include <nai/util/clock.hpp>
#include <nai/util/log.hpp>

namespace nai::source {

// What every conversation with NVIDIA's services needs; all of it outlives its users.
struct Connection {
  http::Client& client;
  util::Clock& clock;
  util::Log& log;
  http::RetryPolicy retry;
};

// Takes a body piece by piece; false: enough.
using Take = std::function<bool(std::span<const std::byte> data)>;

// The attempts at one question.
class Attempts {
 public:
  // `purpose` says what for, as in "asking nvcr.io for the image".
  Attempts(const Connection& connection, std::string purpose);

  // Waits before the next attempt, as long as the policy and the server want, and logs `cause`.
  // False when there is no further one. Throws Error{interrupted} on stop.
  [[nodiscard]] bool again(const http::Response& response, const std::string& cause,
                           const std::stop_token& stop);
  // Something arrived: counts anew.
  void progressed() { m_failed = 0; }
  [[nodiscard]] int failed() const { return m_failed; }
  [[nodiscard]] const std::string& purpose() const { return m_purpose; }
  // Throws Error{interrupted} when stop was requested.
  void check(const std::stop_token& stop) const;

 private:
  const Connection& m_connection;
  std::string m_purpose;
  int m_failed = 0;
  std::mt19937 m_random;
};

// Hands the body of a 200 or 206 on, and keeps that of an error.
class AnswerSink final : public http::BodySink {
 public:
  // Whether a 200 or 206 is what was asked for; empty: yes, otherwise why not.
  using HeadCheck = std::function<std::string(const http::Response& head)>;

  AnswerSink(HeadCheck check, Take take) : m_check(std::move(check)), m_take(std::move(take)) {}

  bool on_response(const http::Response& head) override;
  bool on_data(std::span<const std::byte> data) override;

  [[nodiscard]] bool accepted() const { return m_accepted; }
  [[nodiscard]] bool had_enough() const { return m_had_enough; }
  [[nodiscard]] const std::string& problem() const { return m_problem; }
  [[nodiscard]] const std::string& error_body() const { return m_error_body; }

 private:
  HeadCheck m_check;
  Take m_take;
  bool m_accepted = false;
  bool m_had_enough = false;
  std::string m_problem;
  std::string m_error_body;
};

}  // namespace nai::source
