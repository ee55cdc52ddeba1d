// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <http/trust_store.hpp>
#include <nai/http/message.hpp>

namespace nai::http {

// What libcurl says of a transfer that it could not complete.
struct CurlFailure {
  int code = 0;           // a CURLcode
  std::string text;       // CURLOPT_ERRORBUFFER; may be empty
  std::string host;       // of the request
  long proxy_status = 0;  // what a proxy answered to CONNECT, 0 if nothing
  bool used_proxy = false;
  bool head_complete = false;
  VerifyFailure verify;
};

[[nodiscard]] TransportError describe_curl_failure(const CurlFailure& failure);

// `text` without user info and queries: libcurl quotes a proxy's address as it stands in the
// environment, password included, when it cannot read it.
[[nodiscard]] std::string scrub_credentials(std::string_view text);

}  // namespace nai::http
