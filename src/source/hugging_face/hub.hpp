// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <nai/http/client.hpp>
#include <nai/http/redirect.hpp>
#include <nai/http/retry.hpp>
#include <nai/source/hugging_face.hpp>
#include <nai/util/clock.hpp>
#include <nai/util/error.hpp>
#include <nai/util/log.hpp>

namespace nai::source {

// A server that asks for more patience than this is taken to mean this.
inline constexpr std::chrono::seconds k_longest_rate_limit{3600};

// An answer of the Hub that asking again would not change.
struct HubAnswer {
  http::Url url;                 // that was asked, before redirects
  http::Response response = {};  // complete
  std::string body = {};         // of an answer that is no success
  nlohmann::json json = {};      // of a success

  [[nodiscard]] bool ok() const { return response.status >= 200 && response.status < 300; }
  // The server does not know this kind of request, as mirrors that lack an endpoint; the Hub itself
  // names what is missing in X-Error-Code.
  [[nodiscard]] bool lacks_endpoint() const;
  [[nodiscard]] util::Error error() const;
};

// One repository of a Hub: its addresses, the token's rules, and calls with retries. get_json()
// and get_head() are for one thread; all else may be called from many.
class Hub {
 public:
  // Throws Error{usage} when the token cannot be one.
  Hub(HuggingFaceOptions options, http::Client& client, util::Clock& clock, util::Log& log);

  [[nodiscard]] const HuggingFaceOptions& options() const { return m_options; }
  [[nodiscard]] http::Client& client() const { return *m_client; }
  [[nodiscard]] util::Clock& clock() const { return *m_clock; }
  [[nodiscard]] util::Log& log() const { return *m_log; }

  // {endpoint}/api/models/{repository}{rest}; `rest` is encoded already.
  [[nodiscard]] http::Url api_url(std::string_view rest, std::string query = {}) const;
  // {endpoint}{path}; `path` begins with '/' and is encoded already.
  [[nodiscard]] http::Url endpoint_url(std::string_view path) const;
  // {endpoint}/{repository}/resolve/{commit}/{path}.
  [[nodiscard]] http::Url resolve_url(std::string_view commit, std::string_view path) const;
  // The repository's page, for people.
  [[nodiscard]] std::string page() const;

  // Whether the request that `chain` leads to may carry the token: to the endpoint's own origin,
  // and no other host had a say in where.
  [[nodiscard]] bool trusts(const http::RedirectChain& chain) const;
  // A request to where `chain` leads, with the token if it may have it.
  [[nodiscard]] http::Request request(const http::RedirectChain& chain) const;
  // `text` without the token, should a server repeat it.
  [[nodiscard]] std::string without_token(std::string text) const;
  [[nodiscard]] util::Error without_token(const util::Error& error) const;

  // GETs JSON, following redirects, with retries that are logged. `purpose` says what for, as in
  // "listing the files of org/name". Throws Error{temporary} when retries are used up, and
  // Error{interrupted} on stop.
  [[nodiscard]] HubAnswer get_json(const http::Url& url, const std::string& purpose,
                                   const std::stop_token& stop);
  // The same for the header of a file's address. A redirect to another origin is an answer here: it
  // is the Hub's own header that describes the file.
  [[nodiscard]] HubAnswer get_head(const http::Url& url, const std::string& purpose,
                                   const std::stop_token& stop);

 private:
  struct Attempt;

  [[nodiscard]] HubAnswer ask(const http::Url& url, http::Method method, const std::string& purpose,
                              const std::stop_token& stop);
  [[nodiscard]] Attempt attempt(const http::Url& url, http::Method method,
                                const std::stop_token& stop);
  void judge(Attempt& attempt, http::TextResponse text, http::Method method) const;
  void note_rate_limit(const http::Response& response);
  void wait_for_rate_limit(const std::stop_token& stop);
  void sleep(std::chrono::milliseconds duration, const std::stop_token& stop);
  [[nodiscard]] util::Error give_up(const Attempt& attempt, const std::string& purpose,
                                    int attempts) const;

  HuggingFaceOptions m_options;
  std::string m_base_path;  // of the endpoint, without '/' at its end
  http::Client* m_client;
  util::Clock* m_clock;
  util::Log* m_log;
  std::mt19937 m_rng;
  util::SteadyTime m_not_before{};  // the API's rate limit says so
};

// What to do about trouble on the wire, for the end of a message.
[[nodiscard]] std::string network_advice(const http::TransportError& error, const http::Url& url);

// The sentence that the product shows for every network failure, then the detail.
[[nodiscard]] util::Error network_error(std::string_view detail);

}  // namespace nai::source
