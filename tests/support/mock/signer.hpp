// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace mock {

enum class LocationStyle {
  s3,          // X-Amz-Date, X-Amz-Expires, X-Amz-Signature
  cloudfront,  // Expires, Policy, Signature, Key-Pair-Id
};

struct Location {
  std::string host;  // as the client will send it in its Host header
  std::string path;
  std::string file_name;  // proposed to browsers
  std::uint64_t file_number = 0;
  std::int64_t signed_at = 0;  // unix seconds
  std::chrono::seconds lifetime{3600};
};

enum class SignatureState {
  valid,
  expired,
  wrong,
};

// Signs locations with a secret of its own; a location is good only letter by letter.
class Signer {
 public:
  Signer();

  // The query, without '?', that makes the path readable.
  std::string query(const Location& location, LocationStyle style) const;

  SignatureState check(const std::string& host, const std::string& path, const std::string& query,
                       std::int64_t now) const;

 private:
  std::string signature(const std::string& host, const std::string& path,
                        const std::string& query) const;

  std::string m_secret;
};

}  // namespace mock
