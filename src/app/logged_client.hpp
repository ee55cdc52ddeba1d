// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include <nai/http/client.hpp>
#include <nai/util/log.hpp>

namespace nai::app {

// Passes requests on and tells of each at debug level: what was asked for, what came of it, how
// long it took, and by which name the server knows it. Thread-safe.
class LoggedClient final : public http::Client {
 public:
  // `log` must outlive it.
  LoggedClient(std::unique_ptr<http::Client> client, util::Log& log);

  http::Response send(const http::Request& request, http::BodySink& sink,
                      const std::stop_token& stop) override;

 private:
  [[nodiscard]] std::uint64_t count_attempt(const std::string& asked, bool failed);
  void tell(const http::Request& request, const http::Response& response);

  std::unique_ptr<http::Client> m_client;
  util::Log& m_log;
  std::mutex m_mutex;
  std::map<std::string, std::uint64_t> m_failed;  // attempts in a row, by what was asked for
};

}  // namespace nai::app
