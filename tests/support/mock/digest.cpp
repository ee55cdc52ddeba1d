// SPDX-License-Identifier: Apache-2.0
#include "support/mock/digest.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <array>
#include <stdexcept>

namespace mock {

namespace {

void require(bool ok) {
  if (!ok) {
    throw std::runtime_error("OpenSSL refused a digest operation");
  }
}

std::string digest_hex(const char* algorithm, std::string_view text) {
  Digester digester(algorithm);
  digester.update(text);
  return digester.finish();
}

}  // namespace

Digester::Digester(const char* algorithm) : m_context(EVP_MD_CTX_new()) {
  const EVP_MD* md = EVP_get_digestbyname(algorithm);
  require(m_context != nullptr && md != nullptr && EVP_DigestInit_ex(m_context, md, nullptr) == 1);
}

Digester::~Digester() { EVP_MD_CTX_free(m_context); }

void Digester::update(std::span<const char> bytes) {
  require(EVP_DigestUpdate(m_context, bytes.data(), bytes.size()) == 1);
}

std::string Digester::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int length = 0;
  require(EVP_DigestFinal_ex(m_context, out.data(), &length) == 1);
  return hex(std::span(out).first(length));
}

std::string hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (unsigned char byte : bytes) {
    text += k_digits[byte >> 4U];
    text += k_digits[byte & 15U];
  }
  return text;
}

std::string sha1_hex(std::string_view text) { return digest_hex("SHA1", text); }

std::string sha256_hex(std::string_view text) { return digest_hex("SHA256", text); }

std::string hmac_sha256_hex(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int length = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  require(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data, text.size(),
               out.data(), &length) != nullptr);
  return hex(std::span(out).first(length));
}

std::string random_hex(std::size_t count) {
  std::string bytes(count, '\0');
  auto* data = reinterpret_cast<unsigned char*>(bytes.data());
  require(RAND_bytes(data, static_cast<int>(count)) == 1);
  return hex(std::span(data, count));
}

std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

}  // namespace mock
