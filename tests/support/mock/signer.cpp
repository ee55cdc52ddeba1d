// SPDX-License-Identifier: Apache-2.0
#include "support/mock/signer.hpp"

#include "support/mock/digest.hpp"
#include "support/mock/message.hpp"

#include <openssl/evp.h>
#include <array>
#include <charconv>
#include <ctime>

namespace mock {

namespace {

constexpr std::string_view k_s3_field = "&X-Amz-Signature=";
constexpr std::string_view k_cloudfront_field = "&Signature=";
constexpr std::string_view k_cloudfront_end = "&Key-Pair-Id=KMOCKREGISTRY00";

std::string basic_date(std::int64_t unix_seconds) {
  const auto time = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts)};
}

std::int64_t parse_basic_date(const std::string& text) {
  std::tm parts{};
  return ::strptime(text.c_str(), "%Y%m%dT%H%M%SZ", &parts) == nullptr ? 0 : ::timegm(&parts);
}

std::int64_t parse_seconds(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// With the letters that CloudFront uses for '+', '=' and '/'.
std::string cloudfront_base64(const std::string& text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  const auto* in = reinterpret_cast<const unsigned char*>(text.data());
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), in,
                                   static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  for (char& c : out) {
    c = c == '+' ? '-' : c == '=' ? '_' : c == '/' ? '~' : c;
  }
  return out;
}

std::string disposition(const std::string& name) {
  return percent_encode("inline; filename*=UTF-8''" + percent_encode(name) + "; filename=\"" +
                        name + "\";");
}

std::string s3_query(const Location& location) {
  const std::string date = basic_date(location.signed_at);
  return "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&X-Amz-Credential="
         "cas%2F" +
         date.substr(0, 8) + "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=" + date +
         "&X-Amz-Expires=" + std::to_string(location.lifetime.count()) +
         "&X-Amz-SignedHeaders=host&X-Xet-Cas-Uid=" + std::to_string(location.file_number) +
         "&response-content-disposition=" + disposition(location.file_name) + "&x-id=GetObject";
}

std::string cloudfront_query(const Location& location) {
  const std::string until = std::to_string(location.signed_at + location.lifetime.count());
  const std::string policy = R"({"Statement":[{"Condition":{"DateLessThan":{"AWS:EpochTime":)" +
                             until + R"(}},"Resource":"https://)" + location.host + location.path +
                             R"(*"}]})";
  return "X-Xet-Cas-Uid=" + std::to_string(location.file_number) +
         "&response-content-disposition=" + disposition(location.file_name) + "&Expires=" + until +
         "&Policy=" + cloudfront_base64(policy);
}

}  // namespace

Signer::Signer() : m_secret(random_hex(32)) {}

std::string Signer::query(const Location& location, LocationStyle style) const {
  if (style == LocationStyle::s3) {
    const std::string text = s3_query(location);
    return text + std::string(k_s3_field) + signature(location.host, location.path, text);
  }
  const std::string text = cloudfront_query(location);
  return text + std::string(k_cloudfront_field) + signature(location.host, location.path, text) +
         std::string(k_cloudfront_end);
}

SignatureState Signer::check(const std::string& host, const std::string& path,
                             const std::string& query, std::int64_t now) const {
  std::string_view rest = query;
  const bool s3 = rest.find(k_s3_field) != std::string_view::npos;
  if (!s3) {
    if (!rest.ends_with(k_cloudfront_end)) {
      return SignatureState::wrong;
    }
    rest.remove_suffix(k_cloudfront_end.size());
  }
  const std::string_view field = s3 ? k_s3_field : k_cloudfront_field;
  const auto at = rest.find(field);
  if (at == std::string_view::npos ||
      signature(host, path, std::string(rest.substr(0, at))) != rest.substr(at + field.size())) {
    return SignatureState::wrong;
  }
  std::int64_t until = 0;
  std::int64_t begin = 0;
  for (const auto& [name, value] : parse_query(query)) {
    if (name == "X-Amz-Date") {
      begin = parse_basic_date(value);
    } else if (name == "X-Amz-Expires" || name == "Expires") {
      until = parse_seconds(value);
    }
  }
  return now < begin + until ? SignatureState::valid : SignatureState::expired;
}

std::string Signer::signature(const std::string& host, const std::string& path,
                              const std::string& query) const {
  return hmac_sha256_hex(m_secret, host + "\n" + path + "\n" + query);
}

}  // namespace mock
