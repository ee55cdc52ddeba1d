// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nai::http {

// An absolute http or https URL. Its query (which may be a signature) and its user info never print
// by accident: only on_the_wire() has them.
class Url {
 public:
  // Empty unless `text` is an absolute http(s) URL with a host and no control characters or spaces.
  [[nodiscard]] static std::optional<Url> parse(std::string_view text);
  // RFC 3986 resolution of a Location or Link target against this URL; empty when it does not give
  // an http(s) URL.
  [[nodiscard]] std::optional<Url> resolve(std::string_view reference) const;
  // The same origin and user info with another path and query, both already encoded.
  [[nodiscard]] Url with_path(std::string path, std::string query = {}) const;

  [[nodiscard]] const std::string& scheme() const { return m_scheme; }  // lower case
  [[nodiscard]] const std::string& host() const { return m_host; }      // lower case, no port
  [[nodiscard]] std::uint16_t port() const { return m_port; }       // the scheme's default if none
  [[nodiscard]] const std::string& path() const { return m_path; }  // starts with '/'
  [[nodiscard]] const std::string& query() const { return m_query; }  // without '?'

  // Same scheme, host and port: the only case in which credentials may follow a redirect.
  [[nodiscard]] bool same_origin(const Url& other) const;
  // The value of a query parameter, percent-decoded.
  [[nodiscard]] std::optional<std::string> query_parameter(std::string_view name) const;

  // Everything, for the request itself. Never log this.
  [[nodiscard]] std::string on_the_wire() const;
  // Without query and user info, for people.
  [[nodiscard]] std::string display() const;

 private:
  Url() = default;
  [[nodiscard]] bool parse_authority(std::string_view authority);
  [[nodiscard]] std::string origin() const;

  std::string m_scheme;
  std::string m_user_info;
  std::string m_host;
  std::uint16_t m_port = 0;
  std::string m_path;
  std::string m_query;
};

// Percent-encodes everything but unreserved characters and `also_safe`, as Python's
// urllib.parse.quote.
[[nodiscard]] std::string percent_encode(std::string_view text, std::string_view also_safe = {});

}  // namespace nai::http
