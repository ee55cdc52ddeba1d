// SPDX-License-Identifier: Apache-2.0
#include <source/nim/ngc_session.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <nai/http/challenge.hpp>
#include <nai/util/error.hpp>
#include <nai/util/json.hpp>
#include <nai/util/secret.hpp>
#include <nai/util/text.hpp>

#include <source/hugging_face/hub.hpp>
#include <source/hugging_face/hub_error.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_max_session_answer_bytes = std::size_t{1} << 20U;
constexpr std::chrono::seconds k_session_time_limit{60};
constexpr std::string_view k_user = "$oauthtoken";
// What a token lives at least, where its answer does not say.
constexpr std::uint64_t k_default_lifetime_seconds = 600;
constexpr std::uint64_t k_longest_lifetime_seconds = 5400;

struct TokenAnswer {
  std::string value;
  std::uint64_t lifetime_seconds;
};

// Empty when the answer has no token that can stand in a header.
std::optional<TokenAnswer> token_in(const http::Response& response, std::string_view body) {
  const auto json = util::parse_json(body);
  auto token = json ? util::string_member(*json, "token") : std::nullopt;
  if (response.status != 200 || response.error || !token || token->empty() ||
      util::printable(*token, token->size()) != *token) {
    return std::nullopt;
  }
  const auto lifetime =
      util::unsigned_member(*json, "expires_in").value_or(k_default_lifetime_seconds);
  return TokenAnswer{*std::move(token), std::min(lifetime, k_longest_lifetime_seconds)};
}

}  // namespace

NgcSession::NgcSession(const Connection& connection, NgcEndpoints endpoints, std::string key)
    : m_connection(connection), m_endpoints(std::move(endpoints)), m_key(std::move(key)) {}

http::Url NgcSession::api_url(std::string_view path, std::string query) const {
  std::string base = m_endpoints.api.path();
  while (base.ends_with('/')) {
    base.pop_back();
  }
  return m_endpoints.api.with_path(fmt::format("{}/{}", base, path), std::move(query));
}

std::string NgcSession::authorization(const std::string& scope, const std::stop_token& stop) {
  if (m_key.empty() || m_endpoints.api.scheme() != "https") {
    return {};
  }
  if (key_is_token()) {
    return "Bearer " + m_key;
  }
  const std::lock_guard lock(m_mutex);
  auto found = m_tokens.find(scope);
  if (found == m_tokens.end() || found->second.good_until <= m_connection.clock.steady_now()) {
    found = m_tokens.insert_or_assign(scope, exchange(scope, stop)).first;
  }
  return "Bearer " + found->second.value;
}

bool NgcSession::renew(const std::string& scope, const std::string& refused) {
  if (m_key.empty() || key_is_token()) {
    return false;
  }
  const std::lock_guard lock(m_mutex);
  const auto found = m_tokens.find(scope);
  if (found != m_tokens.end() && "Bearer " + found->second.value == refused) {
    m_tokens.erase(found);
  }
  return true;
}

std::string NgcSession::scope_of(const std::string& repository) {
  return repository.substr(0, repository.rfind('/'));
}

http::Request NgcSession::token_request(const std::string& scope) const {
  std::string base = m_endpoints.auth.path();
  while (base.ends_with('/')) {
    base.pop_back();
  }
  http::Request request{
      .url = m_endpoints.auth.with_path(
          base + "/token", "service=ngc&scope=group/ngc:" + http::percent_encode(scope, "/")),
      .time_limit = k_session_time_limit};
  const std::string credentials = http::basic_authorization(k_user, m_key);
  m_connection.log.hide(credentials.substr(credentials.find(' ') + 1));
  request.headers.add("Authorization", credentials);
  return request;
}

NgcSession::Token NgcSession::exchange(const std::string& scope, const std::stop_token& stop) {
  const http::Request request = token_request(scope);
  const http::Url& url = request.url;
  if (url.scheme() != "https") {
    throw util::Error(util::ErrorKind::usage,
                      fmt::format("NGC_AUTH_ENDPOINT is {}, and a key is sent by https only",
                                  m_endpoints.auth.display()));
  }
  Attempts attempts(m_connection, "getting a token from " + url.display());
  while (true) {
    const auto answer =
        http::send_for_text(m_connection.client, request, k_max_session_answer_bytes, stop);
    attempts.check(stop);
    if (auto token = token_in(answer.response, answer.body)) {
      m_connection.log.hide(token->value);
      const auto lifetime = std::chrono::seconds(token->lifetime_seconds * 2 / 3);
      return {.value = std::move(token->value),
              .good_until = m_connection.clock.steady_now() + lifetime};
    }
    const std::string words = answer.response.error ? answer.response.error->message
                                                    : ngc_words(answer.response, answer.body);
    const int status = answer.response.status;
    if (status == 401 || status == 403) {
      throw util::Error(
          util::ErrorKind::unauthorized,
          without_key(fmt::format("{} refused the NGC key for {}: {}; make a new one at "
                                  "https://org.ngc.nvidia.com/setup/api-keys",
                                  url.host(), scope, words)));
    }
    const bool final = http::classify(answer.response) == http::Verdict::fatal;
    if (final || !attempts.again(answer.response, without_key(words), stop)) {
      const std::string what = without_key(fmt::format("{}: {}", attempts.purpose(), words));
      throw answer.response.error
          ? network_error(what + network_advice(*answer.response.error, url))
          : util::Error(util::ErrorKind::temporary, what + "; check NGC_AUTH_ENDPOINT");
    }
  }
}

KeyState NgcSession::check_older_key(const std::string& scope, const std::stop_token& stop) {
  if (m_key.empty() || scope.empty() || m_endpoints.auth.scheme() != "https") {
    return KeyState::unknown;
  }
  const auto answer = http::send_for_text(m_connection.client, token_request(scope),
                                          k_max_session_answer_bytes, stop);
  if (token_in(answer.response, answer.body)) {
    return KeyState::valid;
  }
  return answer.response.status == 401 ? KeyState::invalid : KeyState::unknown;
}

KeyState NgcSession::check_key(const std::string& scope, const std::stop_token& stop) {
  if (!key_is_token()) {
    return check_older_key(scope, stop);
  }
  if (m_endpoints.api.scheme() != "https") {
    return KeyState::unknown;
  }
  http::Request request{.url = api_url("v3/keys/get-caller-info"),
                        .method = http::Method::post,
                        .body = "credentials=" + http::percent_encode(m_key),
                        .time_limit = k_session_time_limit};
  request.headers.add("Authorization", "Bearer " + m_key);
  request.headers.add("Content-Type", "application/x-www-form-urlencoded");
  const auto answer =
      http::send_for_text(m_connection.client, request, k_max_session_answer_bytes, stop);
  switch (answer.response.status) {
    case 200:
      return KeyState::valid;
    case 400:
    case 401:
    case 403:
      return KeyState::invalid;
    default:
      return KeyState::unknown;
  }
}

ImageFacts NgcSession::image_facts(const std::string& repository, const std::stop_token& stop) {
  const auto parts = util::split(repository, '/');
  if (parts.size() < 2 || parts.size() > 3) {
    return {};
  }
  const std::string team = parts.size() == 3 ? fmt::format("/team/{}", parts[1]) : "";
  try {
    http::Request request{
        .url = api_url(fmt::format("v2/org/{}{}/repos/{}", parts[0], team, parts.back()),
                       "resolve-labels=true"),
        .time_limit = k_session_time_limit};
    if (const auto authorization = this->authorization(scope_of(repository), stop);
        !authorization.empty()) {
      request.headers.add("Authorization", authorization);
    }
    const auto answer =
        http::send_for_text(m_connection.client, request, k_max_session_answer_bytes, stop);
    ImageFacts facts;
    if (answer.response.status == 404) {
      facts.state = ImageFacts::State::missing;
    }
    const auto json = util::parse_json(answer.body);
    if (answer.response.status != 200 || !json) {
      return facts;
    }
    facts.state = ImageFacts::State::exists;
    const auto* tags = util::member(*json, "tags");
    for (const auto& tag : tags != nullptr && tags->is_array() ? *tags : nlohmann::json::array()) {
      if (tag.is_string()) {
        facts.tags.push_back(util::printable(tag.get<std::string>(), 128));
      }
    }
    return facts;
  } catch (const util::Error&) {
    return {};  // the failure that is being explained is what counts
  }
}

std::string NgcSession::without_key(std::string text) const {
  if (m_key.empty()) {
    return text;
  }
  const std::string basic = http::basic_authorization(k_user, m_key);
  util::mask(text, m_key);
  util::mask(text, std::string_view(basic).substr(basic.find(' ') + 1));
  return text;
}

namespace {

// "UNAUTHORIZED: Invalid API key (Request ID: ...)".
std::string status_words(const nlohmann::json& status, const std::string& id_of_response) {
  const std::string description = util::string_member(status, "statusDescription").value_or("");
  const std::string id = util::string_member(status, "requestId").value_or(id_of_response);
  return fmt::format("{}{}{}{}", util::string_member(status, "statusCode").value_or(""),
                     description.empty() ? "" : ": ", description,
                     id.empty() ? "" : fmt::format(" (Request ID: {})", id));
}

}  // namespace

std::string ngc_words(const http::Response& response, std::string_view body) {
  const auto json = util::parse_json(body);
  const auto* status = json ? util::member(*json, "requestStatus") : nullptr;
  if (status == nullptr) {
    return server_words(response, body);
  }
  return util::printable(
      fmt::format("{} {}", response.status, status_words(*status, request_id(response))), 400);
}

std::optional<std::string> ngc_problem(const nlohmann::json& answer) {
  const auto* status = util::member(answer, "requestStatus");
  if (status == nullptr ||
      util::string_member(*status, "statusCode").value_or("SUCCESS") == "SUCCESS") {
    return std::nullopt;
  }
  return util::printable(status_words(*status, ""), 300);
}

}  // namespace nai::source
