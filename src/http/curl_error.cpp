// SPDX-License-Identifier: Apache-2.0
#include <http/curl_error.hpp>

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include <nai/util/text.hpp>

namespace nai::http {

namespace {

constexpr std::size_t k_max_text_bytes = 500;

TransportFailure failure_of(const CurlFailure& failure) {
  if (failure.proxy_status >= 300) {
    return TransportFailure::proxy;
  }
  switch (failure.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return TransportFailure::name_resolution;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
      return TransportFailure::proxy;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
      return failure.used_proxy ? TransportFailure::proxy : TransportFailure::connect;
    case CURLE_OPERATION_TIMEDOUT:
      if (failure.text.starts_with("Resolving timed out")) {
        return TransportFailure::name_resolution;
      }
      return failure.head_complete ? TransportFailure::stalled : TransportFailure::timed_out;
    case CURLE_PEER_FAILED_VERIFICATION:
      return TransportFailure::tls_untrusted;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_USE_SSL_FAILED:
      return TransportFailure::tls;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return TransportFailure::closed;
    default:
      return TransportFailure::protocol;
  }
}

// The usual cause is a proxy that looks into TLS with a company's own authority.
bool is_unknown_issuer(std::string_view reason) {
  constexpr std::array<std::string_view, 3> k_reasons = {"issuer certificate", "self-signed",
                                                         "unable to verify"};
  return std::any_of(k_reasons.begin(), k_reasons.end(), [&](std::string_view part) {
    return util::contains_ignoring_case(reason, part);
  });
}

std::string untrusted_message(const CurlFailure& failure, std::string_view text) {
  const VerifyFailure& verify = failure.verify;
  if (verify.reason.empty()) {
    return fmt::format("the certificate of {} is not trusted: {}", failure.host, text);
  }
  std::string message =
      fmt::format("the certificate of {} is not trusted: {} (subject: {}; issuer: {})",
                  failure.host, verify.reason, verify.subject, verify.issuer);
  if (is_unknown_issuer(verify.reason)) {
    message +=
        "; if a company proxy inspects TLS here, name the file with its CA certificate in "
        "SSL_CERT_FILE";
  }
  return message;
}

}  // namespace

TransportError describe_curl_failure(const CurlFailure& failure) {
  const std::string text = scrub_credentials(util::printable(
      failure.text.empty() ? curl_easy_strerror(static_cast<CURLcode>(failure.code)) : failure.text,
      k_max_text_bytes));
  TransportError error{.failure = failure_of(failure), .message = text};
  if (error.failure == TransportFailure::tls_untrusted) {
    error.message = untrusted_message(failure, text);
  } else if (error.failure == TransportFailure::proxy) {
    error.message = fmt::format("the proxy for {} failed: {}", failure.host, text);
  } else if (error.failure == TransportFailure::tls) {
    error.message = fmt::format("TLS with {} failed: {}", failure.host, text);
  } else if (!util::contains_ignoring_case(text, failure.host)) {
    error.message = fmt::format("{}: {}", failure.host, text);
  }
  return error;
}

std::string scrub_credentials(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    constexpr std::string_view k_ends = " \t\n'\"<>";
    const auto end = std::min(text.find_first_of(k_ends), text.size());
    std::string_view word = text.substr(0, end);
    word = word.substr(0, word.find('?'));
    if (const auto at = word.rfind('@'); at != std::string_view::npos) {
      const auto scheme = word.find("://");
      out += scheme < at ? word.substr(0, scheme + 3) : std::string_view{};
      word = word.substr(at + 1);
    }
    out += word;
    if (end < text.size()) {
      out += text[end];
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace nai::http
