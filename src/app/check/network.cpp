// SPDX-License-Identifier: Apache-2.0
#include "app/check/network.hpp"

#include <array>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nai/util/text.hpp>
#include <nai/util/units.hpp>

namespace nai::app {

namespace {

using http::TransportFailure;

constexpr std::string_view k_network_group = "network";
constexpr std::string_view k_proxy_group = "proxy";
// Far below what certificates and signed addresses allow for.
constexpr std::chrono::seconds k_server_clock_tolerance{60};

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : util::trim(value);
}

std::string origin_of(const http::Url& url) {
  return fmt::format("{}://{}:{}", url.scheme(), url.host(), url.port());
}

std::string certificate_of(const http::Peer& peer) {
  if (peer.subject.empty()) {
    return "";
  }
  return fmt::format("; its certificate is for {}, issued by {}, trusted by the authority {} ({})",
                     peer.subject, peer.issuer, peer.authority, peer.authority_origin);
}

std::string remedy_for(TransportFailure failure, const http::Url& url) {
  switch (failure) {
    case TransportFailure::name_resolution:
      return "see the finding about its name";
    case TransportFailure::proxy: {
      std::string names;
      for (const NamedProxy& proxy : named_proxies()) {
        names += fmt::format("{}{}={}", names.empty() ? "" : ", ", proxy.variable, proxy.address);
      }
      return fmt::format(
          "check the proxy ({}): that it runs, that it lets this pod reach {}, that its user and "
          "password are in its address if it wants them; hosts to reach without it go into "
          "NO_PROXY",
          names, url.host());
    }
    case TransportFailure::tls_untrusted:
      return "mount that certificate into the pod and name its file, or ask who it is that answers "
             "in the place of that host";
    case TransportFailure::tls:
      return "something on the way answers without TLS or cuts it off: ask for an exception in the "
             "firewall, or use the proxy that the network wants";
    default:
      return fmt::format(
          "let this pod reach {} port {} (NetworkPolicy for egress, firewall), or name a proxy in "
          "HTTPS_PROXY",
          url.host(), url.port());
  }
}

}  // namespace

std::vector<NamedProxy> named_proxies() {
  std::vector<NamedProxy> proxies;
  // curl takes the lower case first, and HTTP_PROXY in lower case only.
  for (const auto& names :
       {std::array{"https_proxy", "HTTPS_PROXY"}, std::array{"http_proxy", "http_proxy"},
        std::array{"all_proxy", "ALL_PROXY"}}) {
    const char* name = variable(names[0]).empty() ? names[1] : names[0];
    const std::string value(variable(name));
    if (value.empty()) {
      continue;
    }
    const auto scheme = value.find("://");
    const auto authority = scheme == std::string::npos ? value : value.substr(scheme + 3);
    const auto url = http::Url::parse("http://" + authority);
    const auto after_password = authority.rfind('@') + 1;  // 0 when there is none
    proxies.push_back({.variable = name,
                       .host = url ? url->host() : "",
                       .address = url ? authority.substr(after_password) : "not an address"});
  }
  return proxies;
}

std::vector<Finding> judge_proxies(const std::vector<NamedProxy>& proxies) {
  if (proxies.empty()) {
    return {fine(k_proxy_group, "no proxy is named in HTTPS_PROXY, http_proxy or ALL_PROXY")};
  }
  const auto lower = variable("no_proxy");
  const std::string without(lower.empty() ? variable("NO_PROXY") : lower);
  std::vector<Finding> findings;
  for (const NamedProxy& proxy : proxies) {
    if (proxy.host.empty()) {
      findings.push_back({.severity = Severity::error,
                          .group = k_proxy_group,
                          .text = fmt::format("{} is no address of a proxy", proxy.variable),
                          .remedy = "write it as http://host:port",
                          .kind = util::ErrorKind::usage});
      continue;
    }
    findings.push_back(
        fine(k_proxy_group, fmt::format("{} names {}; NO_PROXY is {}", proxy.variable,
                                        proxy.address, without.empty() ? "empty" : without)));
  }
  return findings;
}

Finding judge_contact(const Contact& contact) {
  const std::string origin = origin_of(contact.url);
  if (contact.error) {
    return {.severity = Severity::error,
            .group = k_network_group,
            .text = fmt::format("{} cannot be used: {}", origin, contact.error->message),
            .remedy = remedy_for(contact.error->failure, contact.url)};
  }
  const http::Peer peer = contact.peer.value_or(http::Peer{});
  return fine(k_network_group,
              fmt::format("{} answers in {} ms {} {}{}", origin, contact.time.count(),
                          peer.by_proxy ? "through the proxy at" : "at", peer.address,
                          certificate_of(peer)));
}

std::optional<Finding> judge_clock(const Contact& contact) {
  const auto server = http::parse_http_date(contact.date);
  if (!server) {
    return std::nullopt;
  }
  const auto ahead = std::chrono::round<std::chrono::seconds>(contact.local_time - *server);
  const auto difference = std::chrono::abs(ahead);
  if (difference <= k_server_clock_tolerance) {
    return fine(k_network_group,
                fmt::format("the clock here agrees with that of {}", contact.url.host()));
  }
  return warning(
      k_network_group,
      fmt::format("the clock here is {} {} that of {}", util::format_duration(difference),
                  ahead.count() > 0 ? "ahead of" : "behind", contact.url.host()),
      "set the node's clock (NTP); certificates count as expired or not yet valid by it");
}

}  // namespace nai::app
