// SPDX-License-Identifier: Apache-2.0
#include "app/redactor.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <nai/util/text.hpp>

namespace nai::app {

namespace {

constexpr std::size_t k_shortest_secret = 4;
constexpr std::string_view k_mark = "***";

void replace_all(std::string& text, std::string_view secret) {
  for (auto at = text.find(secret); at != std::string::npos;
       at = text.find(secret, at + k_mark.size())) {
    text.replace(at, secret.size(), k_mark);
  }
}

// "host/path" of "user:password@host/path?query#fragment".
std::string_view harmless_part(std::string_view address) {
  address = address.substr(0, address.find('?'));
  const auto authority = address.substr(0, address.find('/'));
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    address.remove_prefix(at + 1);
  }
  return address;
}

std::string cut_urls(std::string_view text) {
  constexpr std::string_view k_scheme_end = "://";
  constexpr std::string_view k_delimiters = " \t\r\n\"'<>`";
  std::string result;
  for (auto at = text.find(k_scheme_end); at != std::string_view::npos;
       at = text.find(k_scheme_end)) {
    const auto start = at + k_scheme_end.size();
    const auto address = text.substr(start, text.find_first_of(k_delimiters, start) - start);
    result += text.substr(0, start);
    result += harmless_part(address);
    text.remove_prefix(start + address.size());
  }
  return result.append(text);
}

}  // namespace

void Redactor::add(std::string secret) {
  if (secret.size() < k_shortest_secret) {
    return;
  }
  m_secrets.push_back(std::move(secret));
  std::sort(m_secrets.begin(), m_secrets.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string Redactor::apply(std::string_view text) const {
  std::string result(text);
  for (const auto& secret : m_secrets) {
    replace_all(result, secret);
  }
  return cut_urls(result);
}

}  // namespace nai::app
