// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nai/http/client.hpp>

namespace nai::test {

// What a FakeClient answers.
struct Answer {
  int status = 200;
  http::Headers headers = {};
  std::string body = {};
  std::optional<http::TransportError> error = {};  // after the body
};

inline Answer answer(int status, std::vector<http::Header> headers = {}, std::string body = {}) {
  Answer result{.status = status};
  for (http::Header& header : headers) {
    result.headers.add(std::move(header.name), std::move(header.value));
  }
  result.body = std::move(body);
  return result;
}

inline Answer broken(http::TransportFailure failure, std::string message = "broken") {
  return {.status = 0, .error = http::TransportError{failure, std::move(message)}};
}

// Answers requests from a function, and keeps them. Thread-safe if the function is.
class FakeClient final : public http::Client {
 public:
  using Script = std::function<Answer(const http::Request& request)>;

  explicit FakeClient(Script script) : m_script(std::move(script)) {}
  // The n-th request gets the n-th answer, all further ones the last.
  explicit FakeClient(std::vector<Answer> answers)
      : m_script([this, answers = std::move(answers)](const http::Request&) {
          return answers[std::min(requests().size(), answers.size()) - 1];
        }) {}

  http::Response send(const http::Request& request, http::BodySink& sink,
                      const std::stop_token& stop) override {
    {
      const std::scoped_lock lock(m_mutex);
      m_requests.push_back(request);
    }
    http::Response response;
    if (stop.stop_requested()) {
      response.error = http::TransportError{http::TransportFailure::stopped, "stopped"};
      return response;
    }
    Answer answer = m_script(request);
    response.status = answer.status;
    response.headers = std::move(answer.headers);
    if (response.status != 0) {
      response.refused_by_sink = !sink.on_response(response);
    }
    if (!response.refused_by_sink && !answer.body.empty()) {
      response.body_bytes = answer.body.size();
      response.refused_by_sink = !sink.on_data(std::as_bytes(std::span(answer.body)));
    }
    if (!response.refused_by_sink) {
      response.error = std::move(answer.error);
    }
    return response;
  }

  [[nodiscard]] std::vector<http::Request> requests() const {
    const std::scoped_lock lock(m_mutex);
    return m_requests;
  }
  // "GET https://host/path?query" of each request.
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    for (const http::Request& request : requests()) {
      const std::string method = request.method == http::Method::head ? "HEAD " : "GET ";
      lines.push_back(method + request.url.on_the_wire());
    }
    return lines;
  }

 private:
  Script m_script;
  mutable std::mutex m_mutex;
  std::vector<http::Request> m_requests;
};

inline bool has_authorization(const http::Request& request) {
  return request.headers.find("Authorization").has_value();
}

}  // namespace nai::test
