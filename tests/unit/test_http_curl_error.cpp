// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <catch2/catch_test_macros.hpp>

#include <http/curl_error.hpp>

namespace nai::http {
namespace {

// Values of CURLcode, which are part of libcurl's binary interface.
constexpr int k_resolve_proxy = 5;
constexpr int k_resolve_host = 6;
constexpr int k_connect = 7;
constexpr int k_timed_out = 28;
constexpr int k_tls_connect = 35;
constexpr int k_receive = 56;
constexpr int k_untrusted = 60;

CurlFailure failure(int code, std::string text) {
  return {.code = code, .text = std::move(text), .host = "hub.example", .verify = {}};
}

TEST_CASE("curl error: credentials never show", "[http]") {
  CHECK(scrub_credentials("Unsupported proxy syntax in 'http://u:p@proxy:3128x': Bad port") ==
        "Unsupported proxy syntax in 'http://proxy:3128x': Bad port");
  CHECK(scrub_credentials("'u:p@proxy:x' fails") == "'proxy:x' fails");
  CHECK(scrub_credentials("http://u:p@ss@proxy/") == "http://proxy/");
  CHECK(scrub_credentials("GET https://h/x?sig=secret&a=b failed") == "GET https://h/x failed");
  CHECK(scrub_credentials("nothing  here") == "nothing  here");
  CHECK(scrub_credentials("").empty());
}

TEST_CASE("curl error: kinds", "[http]") {
  CHECK(describe_curl_failure(failure(k_resolve_host, "Could not resolve host: hub.example"))
            .failure == TransportFailure::name_resolution);
  CHECK(describe_curl_failure(failure(k_resolve_proxy, "")).failure == TransportFailure::proxy);
  CHECK(describe_curl_failure(failure(k_connect, "")).failure == TransportFailure::connect);
  CHECK(describe_curl_failure(failure(k_timed_out, "")).failure == TransportFailure::timed_out);
  CHECK(describe_curl_failure(failure(k_timed_out, "Resolving timed out after 2000 milliseconds"))
            .failure == TransportFailure::name_resolution);
  CHECK(describe_curl_failure(failure(k_tls_connect, "")).failure == TransportFailure::tls);
  CHECK(describe_curl_failure(failure(k_receive, "")).failure == TransportFailure::closed);

  CurlFailure proxied = failure(k_connect, "");
  proxied.used_proxy = true;
  CHECK(describe_curl_failure(proxied).failure == TransportFailure::proxy);
  CurlFailure refused = failure(k_receive, "CONNECT tunnel failed, response 403");
  refused.proxy_status = 403;
  CHECK(describe_curl_failure(refused).failure == TransportFailure::proxy);
  CurlFailure stalled = failure(k_timed_out, "Operation too slow");
  stalled.head_complete = true;
  CHECK(describe_curl_failure(stalled).failure == TransportFailure::stalled);
}

TEST_CASE("curl error: the host is always named", "[http]") {
  CHECK(describe_curl_failure(failure(k_receive, "Connection reset by peer")).message ==
        "hub.example: Connection reset by peer");
  CHECK(describe_curl_failure(failure(k_resolve_host, "Could not resolve host: hub.example"))
            .message == "Could not resolve host: hub.example");
}

TEST_CASE("curl error: why a certificate is not trusted", "[http]") {
  CurlFailure unknown = failure(k_untrusted, "SSL certificate problem: ...");
  unknown.verify = {.reason = "unable to get local issuer certificate",
                    .subject = "CN = hub.example",
                    .issuer = "CN = Corp Proxy"};
  CHECK(describe_curl_failure(unknown).message ==
        "the certificate of hub.example is not trusted: unable to get local issuer certificate "
        "(subject: CN = hub.example; issuer: CN = Corp Proxy); if a company proxy inspects TLS "
        "here, name the file with its CA certificate in SSL_CERT_FILE");
  CurlFailure expired = unknown;
  expired.verify.reason = "certificate has expired";
  CHECK(describe_curl_failure(expired).message.ends_with("issuer: CN = Corp Proxy)"));
  // libcurl compares names itself, after OpenSSL was content.
  CHECK(describe_curl_failure(failure(k_untrusted, "no name matches 'hub.example'")).message ==
        "the certificate of hub.example is not trusted: no name matches 'hub.example'");
}

}  // namespace
}  // namespace nai::http
