// SPDX-License-Identifier: Apache-2.0
#include <source/nim/registry_auth.hpp>

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/util/json.hpp>
#include <nai/util/secret.hpp>
#include <nai/util/text.hpp>

#include <source/hugging_face/hub_error.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_max_token_answer_bytes = std::size_t{256} * 1024;
constexpr std::chrono::seconds k_token_time_limit{60};
constexpr std::string_view k_nvidia_token_host = "authn.nvidia.com";

// A query without its `scope`: what a registry offers may be more than is needed.
std::string without_scope(const std::string& query) {
  std::string result;
  for (const std::string_view part : util::split(query, '&')) {
    if (!part.empty() && !part.starts_with("scope=") && !part.starts_with("account=")) {
      result += fmt::format("{}{}", result.empty() ? "" : "&", part);
    }
  }
  return result;
}

}  // namespace

RegistryAuth::RegistryAuth(const Connection& connection, const ImageReference& image,
                           RegistryCredentials credentials)
    : m_connection(connection), m_image(image), m_credentials(std::move(credentials)) {}

bool RegistryAuth::may_have_credentials(const http::Url& where) const {
  const std::string& registry = m_image.registry.host();
  return !m_credentials.empty() && where.scheme() == "https" &&
         (where.host() == registry ||
          (registry == "nvcr.io" && where.host() == k_nvidia_token_host));
}

std::optional<Refusal> RegistryAuth::satisfy(const http::Url& url, const http::Response& response,
                                             const std::stop_token& stop) {
  m_header.clear();
  m_withheld.clear();
  Refusal refusal{.url = url, .response = response, .body = {}, .problem = {}};
  const auto bearer = http::find_challenge(response.headers, "bearer");
  if (const auto where = bearer ? token_url(*bearer) : std::nullopt) {
    return ask_token(*where, stop);
  }
  if (!http::find_challenge(response.headers, "basic")) {
    refusal.problem =
        bearer ? "it names no usable token server" : "it does not say how to authenticate";
    return refusal;
  }
  if (!may_have_credentials(url)) {
    refusal.problem = m_credentials.empty() ? "it wants a user name and a password, "
                                              "REGISTRY_USERNAME and REGISTRY_PASSWORD"
                                            : "credentials are sent over https only";
    return refusal;
  }
  m_header = basic_authorization();
  return std::nullopt;
}

// A server may repeat it as it was sent.
std::string RegistryAuth::basic_authorization() const {
  std::string value = http::basic_authorization(m_credentials.user, m_credentials.password);
  m_connection.log.hide(value.substr(value.find(' ') + 1));
  return value;
}

std::optional<http::Url> RegistryAuth::token_url(const http::Challenge& challenge) const {
  const auto realm = http::Url::parse(challenge.parameter("realm").value_or(""));
  if (!realm || (realm->scheme() != "https" && m_image.registry.scheme() == "https")) {
    return std::nullopt;
  }
  std::string query = without_scope(realm->query());
  const auto add = [&](std::string_view name, std::string_view value) {
    query +=
        fmt::format("{}{}={}", query.empty() ? "" : "&", name, http::percent_encode(value, "/:"));
  };
  if (const auto service = challenge.parameter("service")) {
    add("service", *service);
  }
  if (may_have_credentials(*realm)) {
    add("account", m_credentials.user);
  }
  add("scope", fmt::format("repository:{}:pull", m_image.repository));
  return realm->with_path(realm->path(), query);
}

std::optional<Refusal> RegistryAuth::ask_token(const http::Url& url, const std::stop_token& stop) {
  http::Request request{.url = url, .time_limit = k_token_time_limit};
  Refusal refusal{.url = url, .response = {}, .body = {}, .by_token_server = true, .problem = {}};
  if (may_have_credentials(url)) {
    request.headers.add("Authorization", basic_authorization());
  } else if (!m_credentials.empty()) {
    m_withheld = fmt::format(
        "the registry's token server is {}://{}, to which the "
        "credentials for {} are not sent",
        url.scheme(), url.host(), m_image.host());
  }
  refusal.problem = m_withheld;
  auto answer = http::send_for_text(m_connection.client, request, k_max_token_answer_bytes, stop);
  if (http::classify(answer.response) == http::Verdict::success) {
    const auto json = util::parse_json(answer.body);
    auto token = json ? util::string_member(*json, "token") : std::nullopt;
    if (json && (!token || token->empty())) {
      token = util::string_member(*json, "access_token");
    }
    if (token && !token->empty() && util::printable(*token, token->size()) == *token) {
      m_connection.log.hide(*token);
      m_header = "Bearer " + *token;
      return std::nullopt;
    }
    refusal.problem = "its answer has no token";
    answer.body.clear();
  }
  refusal.response = std::move(answer.response);
  refusal.body = answer.body.substr(0, k_max_error_body_bytes);
  return refusal;
}

std::string RegistryAuth::without_secrets(std::string text) const {
  util::mask(text, m_credentials.password);
  if (!m_credentials.empty()) {
    const std::string basic = http::basic_authorization(m_credentials.user, m_credentials.password);
    util::mask(text, std::string_view(basic).substr(basic.find(' ') + 1));
  }
  util::mask(text, std::string_view(m_header).substr(m_header.find(' ') + 1));
  return text;
}

}  // namespace nai::source
