// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <nai/http/url.hpp>
#include <nai/source/nim.hpp>

#include <source/nim/connection.hpp>

namespace nai::source {

struct NgcEndpoints {
  http::Url api;   // https://api.ngc.nvidia.com
  http::Url auth;  // https://authn.nvidia.com
};

// What NGC says of an image.
struct ImageFacts {
  enum class State { exists, missing, hidden } state = State::hidden;
  std::vector<std::string> tags;  // newest first, as NGC lists them
};

// An NGC key, and what is done with it: personal and service keys ("nvapi-...") are bearer tokens
// themselves, older ones are exchanged for tokens of an organisation. Thread-safe.
class NgcSession {
 public:
  // `connection` must outlive it.
  NgcSession(const Connection& connection, NgcEndpoints endpoints, std::string key);

  [[nodiscard]] const NgcEndpoints& endpoints() const { return m_endpoints; }
  [[nodiscard]] bool has_key() const { return !m_key.empty(); }
  [[nodiscard]] bool key_is_token() const { return m_key.starts_with("nvapi-"); }

  // {api}/{path}, the path encoded already.
  [[nodiscard]] http::Url api_url(std::string_view path, std::string query = {}) const;
  // The value of the Authorization field for the API, for what belongs to `scope`
  // ("nim/meta"); empty without a key, or when the API is not spoken to by https. Throws Error
  // when a token cannot be had.
  [[nodiscard]] std::string authorization(const std::string& scope, const std::stop_token& stop);
  // The token for the scope was refused; true when a new one is worth a try.
  [[nodiscard]] bool renew(const std::string& scope, const std::string& refused);

  // "nim/meta" of "nim/meta/llama-3.1-8b-instruct".
  [[nodiscard]] static std::string scope_of(const std::string& repository);

  // One question each, without retries: to name the cause of a failure, never otherwise. Of a key
  // of the older kind only a token for `scope` can be asked for; without one it stays unknown.
  [[nodiscard]] KeyState check_key(const std::string& scope, const std::stop_token& stop);
  [[nodiscard]] ImageFacts image_facts(const std::string& repository, const std::stop_token& stop);

  [[nodiscard]] std::string without_key(std::string text) const;

 private:
  struct Token {
    std::string value;
    util::SteadyTime good_until;
  };
  [[nodiscard]] http::Request token_request(const std::string& scope) const;
  [[nodiscard]] Token exchange(const std::string& scope, const std::stop_token& stop);
  [[nodiscard]] KeyState check_older_key(const std::string& scope, const std::stop_token& stop);

  const Connection& m_connection;
  NgcEndpoints m_endpoints;
  std::string m_key;
  mutable std::mutex m_mutex;
  std::map<std::string, Token> m_tokens;
};

// NGC's own words about a failure: "401 Unauthorized: Org contex missing (Request ID: ...)".
[[nodiscard]] std::string ngc_words(const http::Response& response, std::string_view body);
// The requestStatus of an answer, with the request's id, unless it is SUCCESS or missing.
[[nodiscard]] std::optional<std::string> ngc_problem(const nlohmann::json& answer);

}  // namespace nai::source
