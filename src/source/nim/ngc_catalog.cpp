// SPDX-License-Identifier: Apache-2.0
#include <source/nim/ngc_catalog.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <nai/http/redirect.hpp>
#include <nai/util/base64.hpp>
#include <nai/util/json.hpp>
#include <nai/util/text.hpp>

#include <source/hugging_face/hub.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_max_catalog_answer_bytes = std::size_t{32} << 20U;
constexpr std::size_t k_max_version_files = 200'000;
constexpr std::uint64_t k_max_version_pages = 2'000;
constexpr std::chrono::seconds k_catalog_time_limit{300};

struct Answer {
  http::Url url;  // that answered in the end
  http::Response response;
  std::string body;
  nlohmann::json json = {};  // of a success that is JSON
  std::string problem = {};  // why a redirect was not followed

  [[nodiscard]] bool ok() const { return response.status == 200; }
  // The organisation's rules want a context that a key does not have; NGC spells it so. Its
  // failures may come with a status of 200.
  [[nodiscard]] bool lacks_context() const {
    const bool refused =
        response.status == 400 || response.status == 401 || response.status == 403 || fails();
    return refused && util::contains_ignoring_case(body, "org conte");
  }
  [[nodiscard]] bool fails() const { return ok() && ngc_problem(json).has_value(); }
  [[nodiscard]] bool lacks_endpoint() const {
    return response.status == 404 || response.status == 405 || response.status == 501;
  }
};

// Asks the API with retries; follows redirects without the key.
class Caller {
 public:
  Caller(NgcSession& session, const Connection& connection, const NgcVersion& version,
         const std::stop_token& stop)
      : m_session(session), m_connection(connection), m_version(version), m_stop(stop) {}

  Answer get(const http::Url& url) {
    Attempts attempts(m_connection, fmt::format("listing {} at NGC", m_version.to_string()));
    bool renewed = false;
    while (true) {
      std::string authorization;
      Answer answer = attempt(url, authorization);
      attempts.check(m_stop);
      const auto verdict = http::classify(answer.response);
      if (answer.response.error && verdict == http::Verdict::fatal) {
        throw ngc_unreachable(m_session, *answer.response.error, answer.url, attempts.purpose());
      }
      if (answer.response.status == 401 && !renewed && !answer.lacks_context() &&
          m_session.renew(m_version.scope(), authorization)) {
        renewed = true;
        continue;
      }
      if (verdict == http::Verdict::success || verdict == http::Verdict::fatal) {
        return answer;
      }
      const std::string cause =
          m_session.without_key(answer.response.error    ? answer.response.error->message
                                : answer.problem.empty() ? ngc_words(answer.response, answer.body)
                                                         : answer.problem);
      if (!attempts.again(answer.response, cause, m_stop)) {
        throw answer.response.error
            ? ngc_unreachable(m_session, *answer.response.error, answer.url, attempts.purpose())
            : util::Error(
                  util::ErrorKind::temporary,
                  fmt::format("{}: {} does not serve it after {} tries: {}; run it again "
                              "later",
                              attempts.purpose(), answer.url.host(), attempts.failed(), cause));
      }
    }
  }

 private:
  Answer attempt(const http::Url& url, std::string& authorization) {
    http::RedirectChain chain(url);
    authorization = m_session.authorization(m_version.scope(), m_stop);
    while (true) {
      http::Request request{.url = chain.current(), .time_limit = k_catalog_time_limit};
      if (!chain.left_origin() && !authorization.empty()) {
        request.headers.add("Authorization", authorization);
      }
      auto text =
          http::send_for_text(m_connection.client, request, k_max_catalog_answer_bytes, m_stop);
      if (http::classify(text.response) == http::Verdict::redirect && chain.follow(text.response)) {
        continue;
      }
      Answer answer{.url = chain.current(),
                    .response = std::move(text.response),
                    .body = std::move(text.body),
                    .problem = chain.problem()};
      if (answer.ok()) {
        answer.json = util::parse_json(answer.body).value_or(nlohmann::json());
      }
      return answer;
    }
  }

  NgcSession& m_session;
  const Connection& m_connection;
  const NgcVersion& m_version;
  const std::stop_token& m_stop;
};

std::optional<digest::Digest> sha256_from_base64(std::string_view base64) {
  const auto bytes = util::base64_decode(base64);
  return bytes ? digest::Digest::from_hex(digest::Algorithm::sha256, util::to_hex(*bytes))
               : std::nullopt;
}

std::string text_at(const nlohmann::json* array, std::size_t index) {
  return array != nullptr && array->is_array() && index < array->size() &&
                 (*array)[index].is_string()
             ? (*array)[index].get<std::string>()
             : "";
}

// Both shapes of lists: objects in `modelFiles`, or the parallel arrays beside presigned addresses.
void add_page(const NgcVersion& version, const Answer& answer, NgcListing& listing) {
  const nlohmann::json& page = answer.json;
  if (!page.is_object()) {
    throw util::Error(
        util::ErrorKind::temporary,
        fmt::format("NGC's list of {}, as {} sent it, is no JSON but {} bytes of {}; is there a "
                    "proxy's page in between?",
                    version.to_string(), answer.url.host(), answer.body.size(),
                    util::printable(
                        answer.response.headers.find("Content-Type").value_or("no type"), 100)));
  }
  if (const auto problem = ngc_problem(page)) {
    throw util::Error(
        util::ErrorKind::temporary,
        fmt::format("NGC cannot list {}: {}; run it again later", version.to_string(), *problem));
  }
  const auto* objects = util::member(page, "modelFiles");
  const auto* paths = util::member(page, "filepath");
  const auto* urls = util::member(page, "urls");
  if (objects != nullptr && objects->is_array()) {
    for (const auto& file : *objects) {
      listing.files[util::string_member(file, "path").value_or("")] = {
          .size = util::unsigned_member(file, "sizeInBytes"),
          .sha256 = sha256_from_base64(util::string_member(file, "sha256_base64").value_or("")),
          .blake3 = {}};
    }
  } else if (paths != nullptr && paths->is_array()) {
    if (urls != nullptr && urls->size() != paths->size()) {
      throw util::Error(util::ErrorKind::content_mismatch,
                        fmt::format("NGC's list of {} has {} addresses for {} files",
                                    version.to_string(), urls->size(), paths->size()));
    }
    for (std::size_t i = 0; i < paths->size(); ++i) {
      listing.files[text_at(paths, i)].sha256 =
          sha256_from_base64(text_at(util::member(page, "sha256_base64"), i));
    }
  } else {
    throw util::Error(util::ErrorKind::content_mismatch,
                      fmt::format("NGC's list of {} has no files in it", version.to_string()));
  }
  if (listing.files.size() > k_max_version_files) {
    throw util::Error(util::ErrorKind::content_mismatch,
                      fmt::format("NGC's list of {} has too many files", version.to_string()));
  }
}

// Whether there is another page behind `number`, which told of `added` files that are now in the
// listing. Some lists tell the number of pages, others only that of files.
bool goes_on(const nlohmann::json& page, std::uint64_t number, std::size_t added,
             std::size_t listed) {
  const auto* info = util::member(page, "paginationInfo");
  if (info == nullptr || number >= k_max_version_pages) {
    return false;
  }
  if (const auto pages = util::unsigned_member(*info, "totalPages")) {
    return number < *pages;
  }
  return added > 0 && listed < util::unsigned_member(*info, "totalResults").value_or(0);
}

// Empty when the first page is refused; `refusal` has that answer then.
std::optional<NgcListing> read_pages(NgcSession& session, Caller& caller, const std::string& path,
                                     const NgcVersion& version, std::optional<Answer>& refusal) {
  NgcListing listing{.files = {}, .complete = true};
  bool more = true;
  refusal.reset();
  for (std::uint64_t number = 1; more; ++number) {
    Answer answer =
        caller.get(session.api_url(path, fmt::format("page-size=500&page-number={}", number)));
    if (!answer.ok() || answer.lacks_context()) {
      if (number == 1) {
        refusal = std::move(answer);
        return std::nullopt;
      }
      throw ngc_error(session, answer.response, answer.body, version.to_string());
    }
    const std::size_t before = listing.files.size();
    add_page(version, answer, listing);
    more = goes_on(answer.json, number, listing.files.size() - before, listing.files.size());
  }
  return listing;
}

// Lines "<hexadecimal>  <path>".
NgcListing read_checksums(std::string_view text) {
  NgcListing listing;
  for (const std::string_view line : util::split(text, '\n')) {
    const auto space = line.find(' ');
    const auto digest = digest::Digest::from_hex(digest::Algorithm::blake3, line.substr(0, space));
    if (space == std::string_view::npos || !digest) {
      continue;
    }
    const std::string_view path = util::trim(line.substr(space));
    listing.files[std::string(path)].blake3 = digest;
  }
  return listing;
}

}  // namespace

std::string NgcVersion::model_path() const {
  const auto parts = util::split(repository, '/');
  const std::string team =
      parts.size() == 3 ? fmt::format("/team/{}", http::percent_encode(parts[1])) : "";
  return fmt::format("v2/org/{}{}/models/{}", http::percent_encode(parts.front()), team,
                     http::percent_encode(parts.back()));
}

std::string NgcVersion::files_path(std::string_view path) const {
  return fmt::format("{}/versions/{}/files{}{}", model_path(), http::percent_encode(version),
                     path.empty() ? "" : "/", http::percent_encode(path, "/"));
}

namespace {

// Of a 401: what NGC says of a key that it did not get is not about the key.
std::string key_advice(const NgcSession& session) {
  if (!session.has_key()) {
    return "wants a key; set NGC_API_KEY";
  }
  if (session.endpoints().api.scheme() != "https") {
    return "wants a key, which is sent by https only; correct NGC_API_ENDPOINT";
  }
  return "refuses the key; check NGC_API_KEY, or make a new one at "
         "https://org.ngc.nvidia.com/setup/api-keys";
}

}  // namespace

util::Error ngc_unreachable(const NgcSession& session, const http::TransportError& error,
                            const http::Url& url, const std::string& what) {
  return network_error(
      session.without_key(fmt::format("{}: {} cannot be reached: {}{}", what, url.host(),
                                      error.message, network_advice(error, url))));
}

util::Error ngc_error(const NgcSession& session, const http::Response& response,
                      std::string_view body, const std::string& what) {
  const std::string words = session.without_key(ngc_words(response, body));
  switch (response.status) {
    case 401:
      return {util::ErrorKind::unauthorized,
              fmt::format("{}: NGC {} (NGC said: {})", what, key_advice(session), words)};
    case 402:
    case 403:
      return {util::ErrorKind::unauthorized,
              fmt::format("{}: {} (NGC said: {})", what,
                          session.has_key()
                              ? "the NGC key has no access to these files; ask for access to the "
                                "model in the NGC catalog"
                              : "NGC gives these files to nobody without a key; set NGC_API_KEY",
                          words)};
    case 404:
      return {util::ErrorKind::not_found,
              fmt::format("{}: NGC does not have it; choose another profile, or a newer image (NGC "
                          "said: {})",
                          what, words)};
    case 451:
      return {util::ErrorKind::unauthorized,
              fmt::format("{}: NVIDIA does not provide it in the region that this cluster's "
                          "internet address belongs to (NGC said: {})",
                          what, words)};
    default:
      return {util::ErrorKind::temporary,
              fmt::format("{}: NGC does not answer as expected: {}; check NGC_API_ENDPOINT", what,
                          words)};
  }
}

NgcListing list_version(NgcSession& session, const Connection& connection,
                        const NgcVersion& version, const std::stop_token& stop) {
  Caller caller(session, connection, version, stop);
  std::optional<Answer> refusal;
  if (auto listing = read_pages(session, caller, version.files_path(), version, refusal)) {
    return *std::move(listing);
  }
  if (refusal->lacks_endpoint()) {
    const std::string presigned =
        fmt::format("{}/{}/files", version.model_path(), http::percent_encode(version.version));
    if (auto listing = read_pages(session, caller, presigned, version, refusal)) {
      return *std::move(listing);
    }
  }
  if (!refusal->lacks_context()) {
    throw ngc_error(session, refusal->response, refusal->body, version.to_string());
  }
  connection.log.info(
      "ngc_without_list",
      fmt::format("NGC does not list {} for this key ({}); taking the checksums "
                  "from its checksums.blake3",
                  version.to_string(),
                  session.without_key(ngc_words(refusal->response, refusal->body))));
  const Answer checksums = caller.get(session.api_url(version.files_path("checksums.blake3")));
  return checksums.ok() ? read_checksums(checksums.body) : NgcListing{};
}

}  // namespace nai::source
