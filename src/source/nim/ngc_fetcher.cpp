// SPDX-License-Identifier: Apache-2.0
#include <source/nim/ngc_fetcher.hpp>

#include <utility>

#include <fmt/format.h>

#include <nai/util/text.hpp>

#include <source/hugging_face/hub.hpp>
#include <source/hugging_face/hub_error.hpp>

namespace nai::source {

namespace {

// Takes nothing: the head is what matters.
class NoBody final : public http::BodySink {
 public:
  bool on_response(const http::Response& head) override { return head.status >= 400; }
  bool on_data(std::span<const std::byte> data) override {
    for (const std::byte byte : data.first(std::min(data.size(), k_max_error_body_bytes))) {
      m_text += static_cast<char>(byte);
    }
    return m_text.size() < k_max_error_body_bytes;
  }
  [[nodiscard]] const std::string& text() const { return m_text; }

 private:
  std::string m_text;
};

std::optional<NgcProbe> probe_of(const http::Response& head) {
  NgcProbe probe{.size = 0, .etag = http::normalize_etag(head.headers.find("ETag").value_or(""))};
  std::optional<std::uint64_t> size;
  if (head.status == 206) {
    const auto range = http::parse_content_range(head.headers.find("Content-Range").value_or(""));
    size = range ? range->total : std::nullopt;
  } else if (head.status == 416) {
    size = http::parse_unsatisfied_range(head.headers.find("Content-Range").value_or(""));
  } else if (head.status == 200) {
    size = util::parse_decimal(head.headers.find("Content-Length").value_or(""));
  }
  probe.size = size.value_or(0);
  return size ? std::optional(probe) : std::nullopt;
}

}  // namespace

// One way from the API, or a location, to content.
struct NgcFetcher::Trip : Departure {
  const NgcFile& file;
  const RangeRequest& range;
  std::string authorization = {};
};

NgcFetcher::NgcFetcher(NgcSession& session, const Connection& connection)
    : m_session(session), m_connection(connection), m_locations(k_max_locations) {}

std::string NgcFetcher::url_of(const NgcFile& file) const {
  return m_session.api_url(file.version.files_path(file.path)).display();
}

bool NgcFetcher::is_api(const http::RedirectChain& chain) const {
  return !chain.left_origin() && chain.current().same_origin(m_session.endpoints().api);
}

http::Request NgcFetcher::request(Trip& trip, const std::stop_token& stop) {
  http::Request request{.url = trip.chain.current(), .range = trip.range.range};
  trip.authorization.clear();
  if (is_api(trip.chain)) {
    trip.authorization = m_session.authorization(trip.file.version.scope(), stop);
  }
  if (!trip.authorization.empty()) {
    request.headers.add("Authorization", trip.authorization);
  }
  return request;
}

FetchResult NgcFetcher::fetch(const NgcFile& file, const RangeRequest& range,
                              const std::stop_token& stop) {
  if (range.range.empty()) {
    return {};
  }
  FetchResult result = fetch_by_location(
      m_locations, {range.artifact.path, m_session.api_url(file.version.files_path(file.path))},
      m_connection.clock,
      [&](Departure departure) {
        Trip trip{std::move(departure), file, range};
        return run(trip, stop);
      },
      stop);
  result.cause = m_session.without_key(std::move(result.cause));
  return result;
}

Outcome NgcFetcher::run(Trip& trip, const std::stop_token& stop) {
  while (true) {
    RangeBody body(trip.range, [&](const http::Response& head) { return check_head(trip, head); });
    const http::Response response = m_connection.client.send(request(trip, stop), body, stop);
    if (http::classify(response) != http::Verdict::redirect || body.accepted() || response.error) {
      return judge(trip, response, body, stop);
    }
    const bool from_api = is_api(trip.chain);
    if (!trip.chain.follow(response)) {
      m_locations.invalidate(trip.range.artifact.path, trip.generation);
      return {.result = retry_because(trip.chain.problem()), .location_is_stale = !from_api};
    }
    if (!is_api(trip.chain)) {
      settle(trip, response);
    }
  }
}

// Where the content is to be had was learned from `head`.
void NgcFetcher::settle(Trip& trip, const http::Response& head) {
  const util::Clock& clock = m_connection.clock;
  const auto date = http::parse_http_date(head.headers.find("Date").value_or(""));
  const auto lifetime = location_lifetime(trip.chain.current(), date, clock.system_now());
  trip.generation =
      m_locations.found(trip.range.artifact.path,
                        {.url = trip.chain.current(), .good_until = clock.steady_now() + lifetime});
}

Mismatch NgcFetcher::check_head(Trip& trip, const http::Response& head) {
  const std::string etag = http::normalize_etag(head.headers.find("ETag").value_or(""));
  if (!trip.file.etag.empty() && !etag.empty() && etag != trip.file.etag) {
    return {.cause = fmt::format("NGC has another file now (ETag {} instead of {})",
                                 util::printable(etag, 80), trip.file.etag),
            .contradicts_manifest = true};
  }
  if (is_api(trip.chain) && trip.asking_round) {
    settle(trip, head);
  }
  return {};
}

Outcome NgcFetcher::judge(Trip& trip, const http::Response& response, const RangeBody& body,
                          const std::stop_token& stop) {
  const std::string where = trip.chain.current().display();
  const std::string& name = trip.range.artifact.path;
  const bool stopped = response.error && response.error->failure == http::TransportFailure::stopped;
  if (body.sink_had_enough() || stopped) {
    return {.result = stop.stop_requested() || stopped
                          ? FetchResult{.verdict = http::Verdict::stopped, .cause = "stopped"}
                          : FetchResult{}};
  }
  if (body.accepted() && body.complete() && !body.too_long()) {
    m_locations.agreed(name);
    return {};
  }
  if (body.mismatch().contradicts_manifest) {
    // Of all threads that met the same location, one counts.
    const bool fresh = trip.generation == 0 || m_locations.invalidate(name, trip.generation);
    if (fresh && m_locations.contradicted(name) >= k_max_contradictions) {
      throw util::Error(util::ErrorKind::temporary,
                        fmt::format("{}: {}; it changed while it was fetched: run it again",
                                    trip.file.to_string(), body.mismatch().cause));
    }
  }
  // Where nothing answers, NGC may know a better place by now.
  if (response.error && !body.accepted()) {
    m_locations.invalidate(name, trip.generation);
  }
  if (body.mismatch() || body.accepted() || response.error) {
    std::string cause = body.mismatch().cause;
    if (cause.empty()) {
      cause = body.too_long()  ? "the body is longer than the range"
              : response.error ? response.error->message
                               : "the body ended early";
    }
    return {.result = retry_because(fmt::format("{}: {}", where, cause))};
  }
  check_refusal(trip, response, body.error_body());
  FetchResult result =
      retry_because(fmt::format("{}: {}", where, ngc_words(response, body.error_body())));
  if (means_stale(response.status)) {
    m_locations.invalidate(name, trip.generation);
    return {.result = std::move(result), .location_is_stale = true};
  }
  result.status = response.status;
  result.server_wish = http::server_wish(response, m_connection.clock.system_now());
  if (http::classify(response) == http::Verdict::rate_limited) {
    result.verdict = http::Verdict::rate_limited;
  }
  return {.result = std::move(result)};
}

void NgcFetcher::check_refusal(Trip& trip, const http::Response& response, std::string_view body) {
  const bool fresh = trip.asking_round.has_value();
  if (!is_api(trip.chain) || !fresh || http::classify(response) != http::Verdict::fatal) {
    return;
  }
  // The probe was let in by the same key: a refusal now may pass, and the next run tells if not.
  if (response.status == 401) {
    static_cast<void>(m_session.renew(trip.file.version.scope(), trip.authorization));
    return;
  }
  throw ngc_error(m_session, response, body, trip.file.to_string());
}

NgcProbe NgcFetcher::probe(const NgcFile& file, const std::stop_token& stop) {
  Attempts attempts(m_connection, "asking NGC for " + file.to_string());
  const std::string scope = file.version.scope();
  while (true) {
    http::RedirectChain chain(m_session.api_url(file.version.files_path(file.path)));
    http::Response response;
    std::string body;
    std::string authorization;
    while (true) {
      http::Request request{.url = chain.current(), .range = util::ByteRange{0, 1}};
      authorization = is_api(chain) ? m_session.authorization(scope, stop) : "";
      if (!authorization.empty()) {
        request.headers.add("Authorization", authorization);
      }
      NoBody sink;
      response = m_connection.client.send(request, sink, stop);
      body = sink.text();
      if (http::classify(response) != http::Verdict::redirect || !chain.follow(response)) {
        break;
      }
    }
    attempts.check(stop);
    if (const auto probe = probe_of(response)) {
      return *probe;
    }
    const bool final = http::classify(response) == http::Verdict::fatal;
    if (response.error && final) {
      throw ngc_unreachable(m_session, *response.error, chain.current(), attempts.purpose());
    }
    const bool refused = is_api(chain) && final;
    if (refused && !(response.status == 401 && attempts.failed() == 0 &&
                     m_session.renew(scope, authorization))) {
      throw ngc_error(m_session, response, body, file.to_string());
    }
    const std::string cause =
        m_session.without_key(response.error            ? response.error->message
                              : chain.problem().empty() ? ngc_words(response, body)
                                                        : chain.problem());
    if (!attempts.again(response, cause, stop)) {
      throw response.error
          ? ngc_unreachable(m_session, *response.error, chain.current(), attempts.purpose())
          : util::Error(
                util::ErrorKind::temporary,
                fmt::format("{}: {} does not serve it after {} tries: {}; run it again "
                            "later",
                            attempts.purpose(), chain.current().host(), attempts.failed(), cause));
    }
  }
}

}  // namespace nai::source
