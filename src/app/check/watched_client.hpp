// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nai/http/client.hpp>
#include <nai/util/clock.hpp>

namespace nai::app {

// What was seen of one origin.
struct Contact {
  http::Url url;                                   // of the first request there
  bool answered = false;                           // there was a status line, whatever it said
  std::optional<http::Peer> peer = {};             // of the first connection
  std::optional<http::TransportError> error = {};  // the last one, unless it answered since
  std::chrono::milliseconds time{0};               // to the first byte of the first answer
  std::string date = {};                           // that answer's Date
  util::SystemTime local_time = {};                // when it came
};

// Passes requests on and remembers which hosts they went to. Thread-safe.
class WatchedClient final : public http::Client {
 public:
  // Both must outlive it.
  WatchedClient(http::Client& client, util::Clock& clock) : m_client(client), m_clock(clock) {}

  http::Response send(const http::Request& request, http::BodySink& sink,
                      const std::stop_token& stop) override;

  // In the order of the first requests.
  [[nodiscard]] std::vector<Contact> contacts() const;
  // False when some request there failed and none was answered.
  [[nodiscard]] bool reaches(const http::Url& url) const;

 private:
  void note(const http::Url& url, const http::Response& response);

  http::Client& m_client;
  util::Clock& m_clock;
  mutable std::mutex m_mutex;
  std::vector<Contact> m_contacts;
};

}  // namespace nai::app
