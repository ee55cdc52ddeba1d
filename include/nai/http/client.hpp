// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <stop_token>
#include <string>

#include <nai/http/message.hpp>

namespace nai::http {

// Takes the body of one response while it arrives, on the thread that called send().
class BodySink {
 public:
  virtual ~BodySink() = default;

  // Called once, when the final header block is complete and before any data (also when the body is
  // empty). False: the body is not wanted; a short one is read and dropped to keep the connection,
  // for a longer one the connection is given up.
  virtual bool on_response(const Response& head) = 0;
  // False: enough. What this throws, send() rethrows.
  virtual bool on_data(std::span<const std::byte> data) = 0;
};

// Sends requests. Thread-safe: each call uses a connection of its own from a pool that keeps them
// alive.
class Client {
 public:
  virtual ~Client() = default;

  // Blocks until the response is complete, refused, failed, or `stop` is requested (noticed within
  // about a second). Trouble on the wire is a value in the response.
  virtual Response send(const Request& request, BodySink& sink, const std::stop_token& stop) = 0;
};

// A response with a body small enough to hold.
struct TextResponse {
  Response response;
  std::string body;
  bool truncated = false;  // the body had more than the limit; the rest was not read
};

[[nodiscard]] TextResponse send_for_text(Client& client, const Request& request,
                                         std::size_t max_body_bytes, const std::stop_token& stop);

}  // namespace nai::http
