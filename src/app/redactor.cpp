// SPDX-License-Identifier: Apache-2.0
#include "app/redactor.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <nai/util/secret.hpp>
#include <nai/util/text.hpp>

namespace nai::app {

namespace {

// "host/path" of "user:password@host/path?query#fragment".
std::string_view harmless_part(std::string_view address) {
  address = address.substr(0, address.find('?'));
  const auto authority = address.substr(0, address.find('/'));
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    address.remove_prefix(at + 1);
  }
  return address;
}

// Who has the values of a signed query has the file. Servers repeat them in their errors, with the
// path in front or without.
std::string_view without_query(std::string_view word) {
  const auto question = word.find('?');
  if (question != std::string_view::npos && word.find('=', question) != std::string_view::npos) {
    return word.substr(0, question);
  }
  const bool is_signed = util::contains_ignoring_case(word, "signature=") ||
                         util::contains_ignoring_case(word, "x-amz-");
  return is_signed ? word.substr(0, word.find('=')) : word;
}

std::string_view harmless_word(std::string_view word, std::string& result) {
  constexpr std::string_view k_scheme_end = "://";
  if (const auto at = word.find(k_scheme_end); at != std::string_view::npos) {
    const auto start = at + k_scheme_end.size();
    result += word.substr(0, start);
    return harmless_part(word.substr(start));
  }
  return without_query(word);
}

std::string cut_addresses(std::string_view text) {
  constexpr std::string_view k_delimiters = " \t\r\n\"'<>`";
  std::string result;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(k_delimiters), text.size());
    const auto word = harmless_word(text.substr(0, end), result);
    result += word;
    const auto next = std::min(text.find_first_not_of(k_delimiters, end), text.size());
    result += text.substr(end, next - end);
    text.remove_prefix(next);
  }
  return result;
}

}  // namespace

void Redactor::add(std::string secret) {
  if (secret.size() < k_shortest_secret) {
    return;
  }
  const std::scoped_lock lock(m_mutex);
  const auto longer = [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  };
  const auto at = std::lower_bound(m_secrets.begin(), m_secrets.end(), secret, longer);
  if (at == m_secrets.end() || *at != secret) {
    m_secrets.insert(at, std::move(secret));
  }
}

std::string Redactor::without_secrets(std::string_view text) const {
  std::string result(text);
  const std::scoped_lock lock(m_mutex);
  for (const auto& secret : m_secrets) {
    util::mask(result, secret);
  }
  return result;
}

std::string Redactor::apply(std::string_view text) const {
  return cut_addresses(without_secrets(text));
}

}  // namespace nai::app
