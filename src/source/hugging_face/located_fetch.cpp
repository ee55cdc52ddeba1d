// SPDX-License-Identifier: Apache-2.0
#include <source/hugging_face/located_fetch.hpp>

#include <utility>

namespace nai::source {

namespace {

// Renewals in one fetch of a location that its host refuses, before it counts as an attempt.
constexpr int k_max_renewals = 2;

// Whatever happens, who waits for this thread's location hears of it.
Outcome run_asking(LocationCache& locations, const std::string& path, Departure departure,
                   const std::function<Outcome(Departure)>& run) {
  const std::uint64_t round = *departure.asking_round;
  try {
    Outcome outcome = run(std::move(departure));
    locations.failed(path, round, outcome.result);
    return outcome;
  } catch (const util::Error& error) {
    locations.failed(path, round, error);
    throw;
  } catch (...) {
    // The sink's own trouble says nothing of the location.
    locations.failed(path, round, retry_because("another connection for the same file broke off"));
    throw;
  }
}

}  // namespace

FetchResult fetch_by_location(LocationCache& locations, const LocatedFile& file,
                              const util::Clock& clock,
                              const std::function<Outcome(Departure)>& run,
                              const std::stop_token& stop) {
  for (int renewals = 0;; ++renewals) {
    auto answer = locations.acquire(file.path, clock.steady_now(), stop);
    if (const auto* failure = std::get_if<LocationCache::Failure>(&answer)) {
      if (const auto* error = std::get_if<util::Error>(failure)) {
        throw util::Error(*error);
      }
      return std::get<FetchResult>(*failure);
    }
    Outcome outcome;
    if (const auto* known = std::get_if<LocationCache::Known>(&answer)) {
      outcome = run({.chain = http::RedirectChain(known->location.url),
                     .generation = known->generation,
                     .good_until = known->location.good_until});
    } else {
      outcome = run_asking(locations, file.path,
                           {.chain = http::RedirectChain(file.question),
                            .asking_round = std::get<LocationCache::Ask>(answer).round},
                           run);
    }
    if (!outcome.location_is_stale || renewals == k_max_renewals) {
      return outcome.result;
    }
  }
}

bool means_stale(int status) {
  return status == 400 || status == 401 || status == 403 || status == 404 || status == 410;
}

FetchResult retry_because(std::string cause) {
  return {.verdict = http::Verdict::retry, .cause = std::move(cause)};
}

}  // namespace nai::source
