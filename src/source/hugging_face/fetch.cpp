// SPDX-License-Identifier: Apache-2.0
#include <source/hugging_face/fetch.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

#include <fmt/format.h>

#include <nai/util/text.hpp>

#include <source/hugging_face/hub_error.hpp>

namespace nai::source {

namespace {

FetchResult stopped() { return {.verdict = http::Verdict::stopped, .cause = "stopped"}; }

std::optional<util::SystemTime> server_time(const http::Response& response) {
  return http::parse_http_date(response.headers.find("Date").value_or(""));
}

// The checksum of the whole file, as the Hub's answer for `artifact` tells it. The tag of a
// redirect may be the redirect's own, and that of an LFS file's content its store's.
std::optional<digest::Digest> told_digest(const Artifact& artifact, const http::Response& head) {
  const bool regular = artifact.digest.algorithm() == digest::Algorithm::git_blob_sha1;
  auto etag = head.headers.find("X-Linked-Etag");
  if (!etag && regular && head.status < 300) {
    etag = head.headers.find("ETag");
  }
  return digest::Digest::from_hex(artifact.digest.algorithm(),
                                  http::normalize_etag(etag.value_or("")));
}

}  // namespace

Fetcher::Fetcher(const Hub& hub, std::string commit)
    : m_hub(&hub), m_commit(std::move(commit)), m_locations(k_max_locations) {}

FetchResult Fetcher::fetch(const RangeRequest& request, const std::stop_token& stop) {
  if (request.range.empty()) {
    return {};
  }
  const std::string& path = request.artifact.path;
  assert(request.range.end() <= request.artifact.size);
  FetchResult result = fetch_by_location(
      m_locations, {path, m_hub->resolve_url(m_commit, path)}, m_hub->clock(),
      [&](Departure departure) {
        Trip trip{std::move(departure), request};
        take_shortcut(trip);
        auto limited = trip.asking_round ? rate_limited_now() : std::nullopt;
        return limited ? Outcome{.result = *std::move(limited)} : run(trip, stop);
      },
      stop);
  result.cause = m_hub->without_token(std::move(result.cause));
  return result;
}

void Fetcher::take_shortcut(Trip& trip) const {
  if (!trip.asking_round) {
    return;
  }
  if (const auto target = m_shortcut.past(trip.chain.current(), trip.request.artifact)) {
    trip.chain = http::RedirectChain(*target);
    trip.by_shortcut = true;
  }
}

bool Fetcher::led_astray(const Trip& trip, const http::Response& response,
                         const RangeBody& body) const {
  if (!trip.by_shortcut || body.delivered() != 0) {
    return false;
  }
  if (body.accepted() || body.mismatch()) {
    return static_cast<bool>(body.mismatch());
  }
  const http::Verdict verdict = http::classify(response);
  if (m_shortcut.is_confirmed()) {
    return verdict == http::Verdict::fatal && !response.error;
  }
  return verdict != http::Verdict::rate_limited && verdict != http::Verdict::stopped;
}

Outcome Fetcher::run(Trip& trip, const std::stop_token& stop) {
  while (true) {
    RangeBody body(trip.request,
                   [&](const http::Response& head) { return accept_content(trip, head); });
    http::Request request = m_hub->request(trip.chain);
    request.range = trip.request.range;
    const http::Response response = m_hub->client().send(request, body, stop);
    const bool from_hub = m_hub->trusts(trip.chain);
    if (from_hub) {
      note_rate_limit(http::parse_rate_limit_wait(response.headers.find("RateLimit").value_or("")));
    }
    if (led_astray(trip, response, body)) {
      m_shortcut.give_up();
      trip.by_shortcut = false;
      trip.chain = http::RedirectChain(m_hub->resolve_url(m_commit, trip.request.artifact.path));
      continue;
    }
    if (body.accepted() || body.mismatch() || response.error) {
      return judge_content(trip, response, body, stop);
    }
    if (http::classify(response) != http::Verdict::redirect) {
      return judge_error(trip, response, body);
    }
    if (const Mismatch mismatch = from_hub ? check_hub_head(trip, response) : Mismatch{}) {
      return mismatch.contradicts_manifest ? contradiction(trip, mismatch.cause)
                                           : Outcome{.result = retry_because(mismatch.cause)};
    }
    if (!trip.chain.follow(response)) {
      m_locations.invalidate(trip.request.artifact.path, trip.generation);
      return {.result = retry_because(trip.chain.problem()), .location_is_stale = !from_hub};
    }
    if (m_hub->trusts(trip.chain)) {
      m_shortcut.learn(m_hub->resolve_url(m_commit, trip.request.artifact.path),
                       trip.request.artifact, trip.chain.current());
    } else {
      settle(trip, response);
    }
  }
}

// Where the content is to be had was learned from `head`, a redirect there or the content itself.
void Fetcher::settle(Trip& trip, const http::Response& head) {
  const util::Clock& clock = m_hub->clock();
  const auto lifetime =
      location_lifetime(trip.chain.current(), server_time(head), clock.system_now());
  const util::SteadyTime good_until = clock.steady_now() + lifetime;
  // A location behind another one lives no longer than that.
  if (trip.generation == 0 || good_until < trip.good_until) {
    trip.good_until = good_until;
  }
  trip.generation = m_locations.found(trip.request.artifact.path,
                                      {.url = trip.chain.current(), .good_until = trip.good_until});
}

Mismatch Fetcher::accept_content(Trip& trip, const http::Response& head) {
  const std::string& path = trip.request.artifact.path;
  if (m_hub->trusts(trip.chain)) {
    if (Mismatch mismatch = check_hub_head(trip, head)) {
      return mismatch;
    }
    if (trip.by_shortcut &&
        told_digest(trip.request.artifact, head) != trip.request.artifact.digest) {
      return {.cause = "another file than the listed one"};
    }
    if (trip.by_shortcut) {
      m_shortcut.confirm();
    }
    if (trip.asking_round) {
      settle(trip, head);
    }
    return {};
  }
  const std::string etag = http::normalize_etag(head.headers.find("ETag").value_or(""));
  if (!etag.empty() && !m_locations.is_known_etag(path, trip.chain.current().host(), etag)) {
    m_locations.invalidate(path, trip.generation);
    return {.cause = fmt::format("the file changed at {} (another ETag than before)",
                                 trip.chain.current().host())};
  }
  return {};
}

// What the Hub says of the file beside its content or the redirect to it.
Mismatch Fetcher::check_hub_head(const Trip& trip, const http::Response& head) const {
  const Artifact& artifact = trip.request.artifact;
  const auto commit = head.headers.find("X-Repo-Commit");
  if (commit && *commit != m_commit) {
    return {.cause = fmt::format("the Hub answers for commit {} instead of {}",
                                 util::printable(*commit, 60), m_commit),
            .contradicts_manifest = true};
  }
  const auto size = util::parse_decimal(head.headers.find("X-Linked-Size").value_or(""));
  if (size && *size != artifact.size) {
    return {.cause = fmt::format("the server has {} bytes of a file that is listed with {}", *size,
                                 artifact.size),
            .contradicts_manifest = true};
  }
  const auto digest = told_digest(artifact, head);
  if (digest && *digest != artifact.digest) {
    return {.cause = fmt::format("the server has a file with checksum {}, listed is {}",
                                 digest->to_string(), artifact.digest.to_string()),
            .contradicts_manifest = true};
  }
  return {};
}

Outcome Fetcher::judge_content(Trip& trip, const http::Response& response, const RangeBody& body,
                               const std::stop_token& stop) {
  const std::string where = trip.chain.current().display();
  if (body.sink_had_enough()) {
    return {.result = stop.stop_requested() ? stopped() : FetchResult{}};
  }
  if (body.accepted() && body.too_long()) {
    return {.result = retry_because(fmt::format("{}: the body is longer than the range", where))};
  }
  if (body.accepted() && body.complete()) {
    m_locations.agreed(trip.request.artifact.path);
    return {};
  }
  if (body.mismatch()) {
    const std::string cause = fmt::format("{}: {}", where, body.mismatch().cause);
    return body.mismatch().contradicts_manifest ? contradiction(trip, cause)
                                                : Outcome{.result = retry_because(cause)};
  }
  if (response.error && response.error->failure == http::TransportFailure::stopped) {
    return {.result = stopped()};
  }
  // Where nothing answers, the Hub may know a better place by now.
  if (response.error && !body.accepted() && trip.generation != 0) {
    m_locations.invalidate(trip.request.artifact.path, trip.generation);
  }
  const std::string after = body.accepted() ? fmt::format(" after {} of {} bytes", body.delivered(),
                                                          trip.request.range.length)
                                            : "";
  return {
      .result = retry_because(fmt::format(
          "{}: {}{}", where, response.error ? response.error->message : "the body ended", after))};
}

Outcome Fetcher::judge_error(Trip& trip, const http::Response& response, const RangeBody& body) {
  const std::string where = trip.chain.current().display();
  const bool from_hub = m_hub->trusts(trip.chain);
  if (response.status == 416) {
    const auto total =
        http::parse_unsatisfied_range(response.headers.find("Content-Range").value_or(""));
    const std::string said = total ? fmt::format("; the server has {} bytes, listed are {}", *total,
                                                 trip.request.artifact.size)
                                   : "";
    return contradiction(
        trip, fmt::format("{}: {}{}", where, server_words(response, body.error_body()), said));
  }
  // What the Hub says to a fresh question is final; a location may just be too old.
  const bool may_be_stale = !from_hub || !trip.asking_round;
  if (from_hub && !(may_be_stale && means_stale(response.status)) && response.status >= 400 &&
      http::classify(response) == http::Verdict::fatal) {
    throw m_hub->without_token(hub_error(response, body.error_body(), trip.chain.current()));
  }
  FetchResult result =
      retry_because(fmt::format("{}: {}", where, server_words(response, body.error_body())));
  if (may_be_stale && means_stale(response.status)) {
    m_locations.invalidate(trip.request.artifact.path, trip.generation);
    return {.result = std::move(result), .location_is_stale = true};
  }
  result.status = response.status;
  result.server_wish = http::server_wish(response, m_hub->clock().system_now());
  if (http::classify(response) == http::Verdict::rate_limited) {
    result.verdict = http::Verdict::rate_limited;
    if (from_hub) {
      note_rate_limit(result.server_wish);
    }
  }
  return {.result = std::move(result)};
}

// One such answer may be a server's slip; a fresh one each time that says the same is not.
Outcome Fetcher::contradiction(Trip& trip, const std::string& cause) {
  const Artifact& artifact = trip.request.artifact;
  // Of all threads that met the same location, one counts.
  const bool fresh = trip.generation == 0 || m_locations.invalidate(artifact.path, trip.generation);
  if (fresh && m_locations.contradicted(artifact.path) >= k_max_contradictions) {
    throw util::Error(util::ErrorKind::content_mismatch,
                      m_hub->without_token(fmt::format(
                          "the Hub contradicts its own file list of {}, again and again: {}: {}",
                          m_hub->options().repository, artifact.path, cause)));
  }
  return {.result = retry_because(cause)};
}

std::optional<FetchResult> Fetcher::rate_limited_now() {
  const auto now = m_hub->clock().steady_now();
  const std::lock_guard lock(m_mutex);
  if (now >= m_hub_not_before) {
    return std::nullopt;
  }
  return FetchResult{
      .verdict = http::Verdict::rate_limited,
      .cause = "the Hub's rate limit is used up",
      .server_wish = std::chrono::ceil<std::chrono::seconds>(m_hub_not_before - now)};
}

void Fetcher::note_rate_limit(std::optional<std::chrono::seconds> wait) {
  if (wait) {
    const std::lock_guard lock(m_mutex);
    m_hub_not_before = std::max(
        m_hub_not_before, m_hub->clock().steady_now() + std::min(*wait, k_longest_rate_limit));
  }
}

}  // namespace nai::source
