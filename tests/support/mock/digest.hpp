// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace mock {

// An incremental digest of OpenSSL's EVP. Throws std::runtime_error when OpenSSL fails.
class Digester {
 public:
  // `algorithm` as OpenSSL names it: "SHA256", "SHA1".
  explicit Digester(const char* algorithm);
  ~Digester();
  Digester(const Digester&) = delete;
  Digester& operator=(const Digester&) = delete;

  void update(std::span<const char> bytes);

  // Lower-case hex; ends the use of the object.
  std::string finish();

 private:
  evp_md_ctx_st* m_context;
};

std::string hex(std::span<const unsigned char> bytes);
std::string sha1_hex(std::string_view text);
std::string sha256_hex(std::string_view text);
std::string hmac_sha256_hex(std::string_view key, std::string_view text);

// `count` random bytes as lower-case hex.
std::string random_hex(std::size_t count);

std::uint64_t splitmix64(std::uint64_t x);

}  // namespace mock
