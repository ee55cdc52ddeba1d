// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/message.hpp"
#include "support/mock/repository.hpp"

#include <optional>
#include <string>

namespace mock {

// Who sent a request.
struct Caller {
  std::string user;  // empty: a stranger
  bool token_is_invalid = false;

  bool is_stranger() const { return user.empty(); }
};

// The Hub's refusals, to the letter: status, X-Error-Code, X-Error-Message and the JSON body.
Response hub_error(int status, const std::string& code, const std::string& message);

Response refuse_invalid_token();
// What a missing repository and a private one look like.
Response refuse_repository(const Caller& caller);
Response refuse_revision(const std::string& revision);
Response refuse_entry(const std::string& path, const std::string& revision);
Response refuse_disabled();
Response refuse_gated(const Repository& repository, const Caller& caller,
                      const std::string& public_url);
Response refuse_rate();

// 307 to another path on this host, or a 302 to another host, with the Hub's text.
Response redirect(int status, const std::string& location);

}  // namespace mock
