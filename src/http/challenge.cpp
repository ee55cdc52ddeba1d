// SPDX-License-Identifier: Apache-2.0
#include <nai/http/challenge.hpp>

#include <cctype>

#include <nai/http/message.hpp>
#include <nai/util/base64.hpp>
#include <nai/util/text.hpp>

namespace nai::http {

namespace {

bool is_token_char(char c) {
  constexpr std::string_view k_marks = "!#$%&'*+-.^_`|~";
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         k_marks.find(c) != std::string_view::npos;
}

// Reads the grammar of RFC 9110, 11.6.1, from left to right.
class Reader {
 public:
  explicit Reader(std::string_view text) : m_text(text) {}

  std::string_view token() {
    std::size_t length = 0;
    while (length < m_text.size() && is_token_char(m_text[length])) {
      ++length;
    }
    const auto result = m_text.substr(0, length);
    m_text.remove_prefix(length);
    return result;
  }
  bool skip(char c) {
    skip_spaces();
    if (!m_text.starts_with(c)) {
      return false;
    }
    m_text.remove_prefix(1);
    skip_spaces();
    return true;
  }
  void skip_separators() {
    while (skip(',')) {
    }
    skip_spaces();
  }
  // A token or a quoted string; empty on a quote without an end.
  std::optional<std::string> value() {
    if (!m_text.starts_with('"')) {
      return std::string(token());
    }
    m_text.remove_prefix(1);
    std::string result;
    while (!m_text.empty()) {
      char c = m_text.front();
      m_text.remove_prefix(1);
      if (c == '"') {
        return result;
      }
      if (c == '\\' && !m_text.empty()) {
        c = m_text.front();
        m_text.remove_prefix(1);
      }
      result += c;
    }
    return std::nullopt;
  }
  [[nodiscard]] bool at_equals() const {
    const auto at = m_text.find_first_not_of(" \t");
    return at != std::string_view::npos && m_text[at] == '=';
  }

 private:
  void skip_spaces() {
    while (m_text.starts_with(' ') || m_text.starts_with('\t')) {
      m_text.remove_prefix(1);
    }
  }

  std::string_view m_text;
};

}  // namespace

std::optional<std::string_view> Challenge::parameter(std::string_view name) const {
  const auto found = parameters.find(std::string(name));
  return found == parameters.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

std::vector<Challenge> parse_challenges(std::string_view field) {
  std::vector<Challenge> challenges;
  Reader reader(field);
  while (true) {
    reader.skip_separators();
    const std::string_view word = reader.token();
    if (word.empty()) {
      return challenges;
    }
    if (!reader.at_equals()) {
      challenges.push_back({.scheme = util::to_lower(word), .parameters = {}});
      continue;
    }
    reader.skip('=');
    auto value = reader.value();
    if (!value || challenges.empty()) {
      return challenges;
    }
    challenges.back().parameters.emplace(util::to_lower(word), *std::move(value));
  }
}

std::optional<Challenge> find_challenge(const Headers& headers, std::string_view scheme) {
  for (const Header& header : headers.all()) {
    if (!util::equals_ignoring_case(header.name, "WWW-Authenticate")) {
      continue;
    }
    for (Challenge& challenge : parse_challenges(header.value)) {
      if (challenge.scheme == scheme) {
        return std::move(challenge);
      }
    }
  }
  return std::nullopt;
}

std::string basic_authorization(std::string_view user, std::string_view password) {
  return "Basic " + util::base64_encode(std::string(user) + ":" + std::string(password));
}

}  // namespace nai::http
