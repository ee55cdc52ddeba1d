// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/message.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace mock {

struct Reply {
  int status = 0;  // 0: the connection ended before a whole head came
  Headers headers;
  std::string body;
  bool complete = false;  // the body is as long as its head promised
};

// An HTTP client for checks of the mock itself: it follows nothing, adds nothing but Host, and
// keeps its connection. Throws std::runtime_error when it cannot connect or does not trust the
// server.
class RawClient {
 public:
  // A URL of scheme, IPv4 address or "localhost", and port; what follows is ignored. The CA is
  // needed for https only.
  explicit RawClient(const std::string& url, const std::string& ca_pem = "");
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  Reply get(std::string_view target, const Headers& headers = {});
  Reply send(std::string_view method, std::string_view target, const Headers& headers = {},
             std::string_view body = "");
  // Sends bytes as they are and reads one answer.
  Reply send_raw(std::string_view bytes, bool is_head = false);

  // The part of a URL that is a target.
  static std::string target_of(const std::string& url);

 private:
  struct Link;

  std::string m_host;
  std::unique_ptr<Link> m_link;
  std::string m_pending;

  bool fill();
  std::string read_exactly(std::size_t count);
  void read_body(Reply& reply);
  void read_chunks(Reply& reply);
};

}  // namespace mock
