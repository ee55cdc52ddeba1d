// SPDX-License-Identifier: Apache-2.0
#include <source/hugging_face/hub.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <nai/util/json.hpp>
#include <nai/util/secret.hpp>
#include <nai/util/text.hpp>
#include <nai/util/units.hpp>

#include <source/hugging_face/hub_error.hpp>

namespace nai::source {

namespace {

// A page of a thousand tree entries has 400 KB, or 5 MB with the longest paths; parsed, JSON takes
// many times its size.
constexpr std::size_t k_max_hub_answer_bytes = std::size_t{16} * 1024 * 1024;
constexpr std::chrono::seconds k_answer_time_limit{300};
// A complete answer that is no JSON may be an outage's page; soon it is rather not a Hub at all.
constexpr int k_max_malformed_tries = 4;
constexpr std::size_t k_max_problem_bytes = 200;

void check_token(std::string_view token) {
  const auto bad =
      std::find_if(token.begin(), token.end(), [](char c) { return c <= 0x20 || c >= 0x7F; });
  if (bad != token.end()) {
    throw util::Error(util::ErrorKind::usage,
                      fmt::format("the Hugging Face token is unusable: character {} of {} is a "
                                  "space, a control character or not ASCII",
                                  bad - token.begin() + 1, token.size()));
  }
}

}  // namespace

// One try of get_json(): an answer, or why there is none.
struct Hub::Attempt {
  HubAnswer answer;
  http::Verdict verdict = http::Verdict::retry;
  std::string cause = {};  // empty when `verdict` is success or fatal
  bool malformed = false;  // a complete answer, but not JSON
  bool endless = false;    // the answer was larger than any that makes sense
  bool is_network_trouble = false;
};

bool HubAnswer::lacks_endpoint() const {
  const int status = response.status;
  return (status == 404 || status == 405 || status == 501) &&
         !response.headers.find("X-Error-Code");
}

util::Error HubAnswer::error() const { return hub_error(response, body, url); }

Hub::Hub(HuggingFaceOptions options, http::Client& client, util::Clock& clock, util::Log& log)
    : m_options(std::move(options)),
      m_base_path(m_options.endpoint.path()),
      m_client(&client),
      m_clock(&clock),
      m_log(&log),
      m_rng(std::random_device{}()) {
  check_token(m_options.token);
  while (m_base_path.ends_with('/')) {
    m_base_path.pop_back();
  }
}

http::Url Hub::api_url(std::string_view rest, std::string query) const {
  return m_options.endpoint.with_path(
      fmt::format("{}/api/models/{}{}", m_base_path, m_options.repository, rest), std::move(query));
}

http::Url Hub::endpoint_url(std::string_view path) const {
  return m_options.endpoint.with_path(fmt::format("{}{}", m_base_path, path));
}

http::Url Hub::resolve_url(std::string_view commit, std::string_view path) const {
  return m_options.endpoint.with_path(fmt::format("{}/{}/resolve/{}/{}", m_base_path,
                                                  m_options.repository, commit,
                                                  http::percent_encode(path, "/")));
}

std::string Hub::page() const {
  return m_options.endpoint.with_path(m_base_path + "/" + m_options.repository).display();
}

bool Hub::trusts(const http::RedirectChain& chain) const {
  return !chain.left_origin() && chain.current().same_origin(m_options.endpoint);
}

http::Request Hub::request(const http::RedirectChain& chain) const {
  http::Request request{.url = chain.current()};
  if (!m_options.token.empty() && trusts(chain)) {
    request.headers.add("Authorization", "Bearer " + m_options.token);
  }
  return request;
}

std::string Hub::without_token(std::string text) const {
  util::mask(text, m_options.token);
  return text;
}

util::Error Hub::without_token(const util::Error& error) const {
  return {error.kind(), without_token(std::string(error.what()))};
}

HubAnswer Hub::get_json(const http::Url& url, const std::string& purpose,
                        const std::stop_token& stop) {
  return ask(url, http::Method::get, purpose, stop);
}

HubAnswer Hub::get_head(const http::Url& url, const std::string& purpose,
                        const std::stop_token& stop) {
  return ask(url, http::Method::head, purpose, stop);
}

HubAnswer Hub::ask(const http::Url& url, http::Method method, const std::string& purpose,
                   const std::stop_token& stop) {
  for (int attempts = 1;; ++attempts) {
    wait_for_rate_limit(stop);
    Attempt result = attempt(url, method, stop);
    result.cause = without_token(std::move(result.cause));
    if (result.verdict == http::Verdict::stopped || stop.stop_requested()) {
      throw util::Error(util::ErrorKind::interrupted, "stopped while " + purpose);
    }
    const http::Response& response = result.answer.response;
    note_rate_limit(response);
    const bool final = result.verdict == http::Verdict::fatal;
    if (result.verdict == http::Verdict::success || (final && result.cause.empty())) {
      return std::move(result.answer);
    }
    const int max_attempts = result.malformed
                                 ? std::min(k_max_malformed_tries, m_options.retry.max_attempts)
                                 : m_options.retry.max_attempts;
    if (final || attempts >= max_attempts) {
      throw give_up(result, purpose, attempts);
    }
    const auto delay = http::retry_delay(m_options.retry, attempts, result.verdict,
                                         http::server_wish(response, m_clock->system_now()), m_rng);
    m_log->warning(
        "hub_retry",
        fmt::format("{}: try {} of {} failed, next in {:.1f} s: {}", purpose, attempts,
                    max_attempts, std::chrono::duration<double>(delay).count(), result.cause));
    sleep(delay, stop);
  }
}

Hub::Attempt Hub::attempt(const http::Url& url, http::Method method, const std::stop_token& stop) {
  Attempt result{.answer = {.url = url}};
  http::RedirectChain chain(url);
  while (true) {
    http::Request next = request(chain);
    next.method = method;
    next.time_limit = k_answer_time_limit;
    http::TextResponse text = http::send_for_text(*m_client, next, k_max_hub_answer_bytes, stop);
    result.verdict = http::classify(text.response);
    if (result.verdict != http::Verdict::redirect) {
      judge(result, std::move(text), method);
      return result;
    }
    if (!chain.follow(text.response)) {
      result.verdict = http::Verdict::retry;
      result.cause = chain.problem();
      return result;
    }
    if (method == http::Method::head && chain.left_origin()) {
      result.verdict = http::Verdict::success;
      result.answer.response = std::move(text.response);
      return result;
    }
  }
}

void Hub::judge(Attempt& attempt, http::TextResponse text, http::Method method) const {
  HubAnswer& answer = attempt.answer;
  answer.response = std::move(text.response);
  if (answer.response.error) {
    attempt.is_network_trouble = true;
    attempt.cause = answer.response.error->message;
    return;
  }
  if (!answer.ok()) {
    answer.body = text.body.substr(0, k_max_error_body_bytes);
    if (attempt.verdict != http::Verdict::fatal) {
      attempt.cause = server_words(answer.response, answer.body);
    }
    return;
  }
  if (method == http::Method::head) {
    return;
  }
  if (text.truncated) {
    attempt.verdict = http::Verdict::fatal;
    attempt.endless = true;
    attempt.cause =
        fmt::format("the answer is larger than {}", util::format_bytes(k_max_hub_answer_bytes));
    return;
  }
  std::string problem;
  const auto coding = answer.response.headers.find("Content-Encoding").value_or("identity");
  if (coding != "identity") {
    problem = fmt::format("it came encoded: {}", coding);
  } else if (auto json = util::parse_json(text.body, &problem)) {
    answer.json = *std::move(json);
    return;
  }
  attempt.verdict = http::Verdict::retry;
  attempt.malformed = true;
  attempt.cause =
      fmt::format("the answer is not JSON ({})", util::printable(problem, k_max_problem_bytes));
}

void Hub::note_rate_limit(const http::Response& response) {
  const auto wait = http::parse_rate_limit_wait(response.headers.find("RateLimit").value_or(""));
  if (wait) {
    m_not_before = m_clock->steady_now() + std::min(*wait, k_longest_rate_limit);
  }
}

void Hub::wait_for_rate_limit(const std::stop_token& stop) {
  const auto now = m_clock->steady_now();
  if (now >= m_not_before) {
    return;
  }
  m_log->info("hub_rate_limit",
              fmt::format("waiting {} for the Hub's rate limit",
                          util::format_duration(
                              std::chrono::ceil<std::chrono::seconds>(m_not_before - now))));
  m_clock->sleep_until(m_not_before, stop);
}

void Hub::sleep(std::chrono::milliseconds duration, const std::stop_token& stop) {
  m_clock->sleep_until(m_clock->steady_now() + duration, stop);
}

util::Error Hub::give_up(const Attempt& attempt, const std::string& purpose, int attempts) const {
  const http::Response& response = attempt.answer.response;
  const std::string tries = attempts == 1 ? "" : fmt::format(" after {} tries", attempts);
  const std::string what = fmt::format("{} failed{}: {}: {}", purpose, tries,
                                       attempt.answer.url.display(), attempt.cause);
  if (attempt.is_network_trouble) {
    return network_error(what + network_advice(*response.error, attempt.answer.url));
  }
  if (attempt.endless) {
    return {util::ErrorKind::content_mismatch, what};
  }
  const bool limited = attempt.verdict == http::Verdict::rate_limited;
  const bool anonymous = m_options.token.empty();
  return {util::ErrorKind::temporary,
          what + (limited && anonymous ? "; a token (HF_TOKEN) raises the limit"
                                       : "; run it again later, nothing fetched so far is lost")};
}

std::string network_advice(const http::TransportError& error, const http::Url& url) {
  switch (error.failure) {
    case http::TransportFailure::name_resolution:
      return fmt::format("; check that the pod's DNS knows {}, or name a proxy in HTTPS_PROXY",
                         url.host());
    case http::TransportFailure::connect:
    case http::TransportFailure::timed_out:
      return fmt::format(
          "; check that the pod may reach {} port {}, directly or through a proxy named in "
          "HTTPS_PROXY",
          url.host(), url.port());
    case http::TransportFailure::proxy:
      return "; check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY";
    case http::TransportFailure::tls_untrusted:
      return {};  // the message itself says what to do
    default:
      return "; run it again, nothing fetched so far is lost";
  }
}

util::Error network_error(std::string_view detail) {
  return {util::ErrorKind::temporary,
          fmt::format("Hugging Face Network connection Issue\n{}", detail)};
}

}  // namespace nai::source
