// SPDX-License-Identifier: Apache-2.0
#include <nai/http/url.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include <nai/util/text.hpp>

namespace nai::http {

namespace {

// Longer than any signed location seen, short enough to keep thousands of them.
constexpr std::size_t k_max_url_bytes = std::size_t{16} * 1024;
constexpr std::string_view k_hex_digits = "0123456789ABCDEF";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool has_control_or_space(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F;
  });
}

// Names of registered hosts, IPv4 and bracketed IPv6. Stricter than the RFC: whatever another
// parser could read differently (percent-encoding, backslashes, non-ASCII) is no host.
bool is_host(std::string_view host) {
  if (host.empty() || host.size() > 255) {
    return false;
  }
  if (host.front() == '[') {
    return host.size() > 3 && host.back() == ']' &&
           std::all_of(host.begin() + 1, host.end() - 1,
                       [](char c) { return is_hex_digit(c) || c == ':' || c == '.'; });
  }
  return std::all_of(host.begin(), host.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_'; });
}

bool is_user_info(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || std::string_view("-._~!$&'()*+,;=:%").find(c) != std::string_view::npos;
  });
}

void append_encoded(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += k_hex_digits[byte >> 4U];
  out += k_hex_digits[byte & 0x0FU];
}

// Raw bytes above ASCII, which some servers put into Location, in the form that travels.
std::string encode_non_ascii(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) {
      append_encoded(out, c);
    } else {
      out += c;
    }
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = text[i] == '%' ? util::from_hex(text.substr(i + 1, 2)) : std::nullopt;
    if (byte && byte->size() == 1) {
      out += static_cast<char>(byte->front());
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// RFC 3986, 5.2.4.
std::string remove_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  bool ends_in_directory = false;
  for (const std::string_view segment : util::split(path.substr(1), '/')) {
    ends_in_directory = segment == "." || segment == "..";
    if (segment == ".." && !kept.empty()) {
      kept.pop_back();
    }
    if (!ends_in_directory) {
      kept.push_back(segment);
    }
  }
  std::string out;
  for (const std::string_view segment : kept) {
    out += '/';
    out += segment;
  }
  if (ends_in_directory || out.empty()) {
    out += '/';
  }
  return out;
}

bool has_scheme(std::string_view reference) {
  if (reference.empty() || !is_alpha(reference.front())) {
    return false;
  }
  const auto end = std::find_if_not(reference.begin(), reference.end(), [](char c) {
    return is_alnum(c) || c == '+' || c == '-' || c == '.';
  });
  return end != reference.end() && *end == ':';
}

// Cuts `text` at the first `separator` and returns what follows it.
std::string_view cut(std::string_view& text, char separator) {
  const auto at = text.find(separator);
  if (at == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = text.substr(at + 1);
  text = text.substr(0, at);
  return rest;
}

}  // namespace

std::optional<Url> Url::parse(std::string_view text) {
  if (text.size() > k_max_url_bytes || has_control_or_space(text)) {
    return std::nullopt;
  }
  cut(text, '#');
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) {
    return std::nullopt;
  }
  Url url;
  url.m_scheme = util::to_lower(text.substr(0, scheme_end));
  if (url.m_scheme != "http" && url.m_scheme != "https") {
    return std::nullopt;
  }
  std::string_view rest = text.substr(scheme_end + 3);
  const std::string query = encode_non_ascii(cut(rest, '?'));
  const auto path_start = std::min(rest.find('/'), rest.size());
  if (!url.parse_authority(rest.substr(0, path_start))) {
    return std::nullopt;
  }
  url.m_path = path_start == rest.size() ? "/" : encode_non_ascii(rest.substr(path_start));
  url.m_query = query;
  return url;
}

bool Url::parse_authority(std::string_view authority) {
  const auto at = authority.find('@');
  if (at != std::string_view::npos) {
    m_user_info = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    if (!is_user_info(m_user_info)) {
      return false;
    }
  }
  const auto bracket = authority.find(']');
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string_view port;
  if (colon != std::string_view::npos) {
    port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
  }
  m_port = m_scheme == "https" ? 443 : 80;
  if (!port.empty()) {
    const auto number = util::parse_decimal(port);
    if (!number || *number == 0 || *number > 65535) {
      return false;
    }
    m_port = static_cast<std::uint16_t>(*number);
  }
  m_host = util::to_lower(authority);
  return is_host(m_host);
}

std::optional<Url> Url::resolve(std::string_view reference) const {
  reference = util::trim(reference);
  std::string spaces_encoded;
  if (reference.find(' ') != std::string_view::npos) {
    for (const char c : reference) {
      spaces_encoded += c == ' ' ? std::string("%20") : std::string(1, c);
    }
    reference = spaces_encoded;
  }
  if (has_scheme(reference)) {
    return parse(reference);
  }
  if (reference.starts_with("//")) {
    return parse(m_scheme + ":" + std::string(reference));
  }
  cut(reference, '#');
  const bool has_query = reference.find('?') != std::string_view::npos;
  const std::string_view query = cut(reference, '?');
  std::string path = m_path;
  if (reference.starts_with('/')) {
    path = remove_dot_segments(reference);
  } else if (!reference.empty()) {
    path = remove_dot_segments(m_path.substr(0, m_path.rfind('/') + 1) + std::string(reference));
  }
  const bool keeps_query = !has_query && reference.empty();
  std::string target = origin() + path;
  if (keeps_query ? !m_query.empty() : has_query) {
    target += '?';
    target += keeps_query ? std::string_view(m_query) : query;
  }
  auto url = parse(target);
  if (url) {
    url->m_user_info = m_user_info;
  }
  return url;
}

Url Url::with_path(std::string path, std::string query) const {
  Url url = *this;
  url.m_path = path.starts_with('/') ? std::move(path) : "/" + path;
  url.m_query = std::move(query);
  return url;
}

bool Url::same_origin(const Url& other) const {
  return m_scheme == other.m_scheme && m_host == other.m_host && m_port == other.m_port;
}

std::optional<std::string> Url::query_parameter(std::string_view name) const {
  for (std::string_view pair : util::split(m_query, '&')) {
    const std::string_view value = cut(pair, '=');
    if (percent_decode(pair) == name) {
      return percent_decode(value);
    }
  }
  return std::nullopt;
}

std::string Url::origin() const {
  std::string out = m_scheme + "://" + m_host;
  if (m_port != (m_scheme == "https" ? 443 : 80)) {
    out += ':' + std::to_string(m_port);
  }
  return out;
}

std::string Url::on_the_wire() const {
  std::string out = origin();
  if (!m_user_info.empty()) {
    out.insert(m_scheme.size() + 3, m_user_info + '@');
  }
  out += m_path;
  if (!m_query.empty()) {
    out += '?' + m_query;
  }
  return out;
}

std::string Url::display() const { return origin() + m_path; }

std::string percent_encode(std::string_view text, std::string_view also_safe) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_alnum(c) || std::string_view("_.-~").find(c) != std::string_view::npos ||
        also_safe.find(c) != std::string_view::npos) {
      out += c;
    } else {
      append_encoded(out, c);
    }
  }
  return out;
}

}  // namespace nai::http
