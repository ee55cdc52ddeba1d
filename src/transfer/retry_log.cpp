// SPDX-License-Identifier: Apache-2.0
#include "retry_log.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include <nai/util/text.hpp>
#include <nai/util/units.hpp>

namespace nai::transfer {

namespace {

using namespace std::chrono_literals;

constexpr auto k_first_pause = 30s;
// Also the silence after which a retry is news again.
constexpr auto k_longest_pause = 10min;
// Servers may have much to say.
constexpr std::size_t k_max_cause_bytes = 400;
// As Progress counts them.
constexpr std::array<std::string_view, 3> k_kinds{"connection", "refused", "rate_limited"};

std::size_t kind_of(const source::FetchResult& result) {
  if (result.verdict == http::Verdict::rate_limited) {
    return 2;
  }
  return result.status != 0 ? 1 : 0;
}

}  // namespace

RetryLog::Told RetryLog::note(std::size_t kind) {
  const auto now = m_clock.steady_now();
  const std::scoped_lock lock(m_mutex);
  Burst& burst = m_bursts.at(kind);
  const bool is_new = !burst.begun || now - burst.last >= k_longest_pause;
  burst.last = now;
  if (!is_new && now - burst.told < burst.pause) {
    ++burst.held_back;
    return {};
  }
  const Told told{.now = true,
                  .held_back = burst.held_back,
                  .since = std::chrono::round<std::chrono::seconds>(now - burst.told)};
  burst.pause = is_new ? std::chrono::milliseconds(k_first_pause)
                       : std::min<std::chrono::milliseconds>(2 * burst.pause, k_longest_pause);
  burst.begun = true;
  burst.told = now;
  burst.held_back = 0;
  return told;
}

void RetryLog::tell(const Retry& retry) {
  const std::size_t kind = kind_of(retry.result);
  const Told told = note(kind);
  const auto level = told.now ? util::Level::warning : util::Level::debug;
  if (!m_log.enabled(level)) {
    return;
  }
  const auto delay = std::chrono::ceil<std::chrono::seconds>(retry.delay);
  auto message = fmt::format("{}: {}; trying again in {}", retry.path,
                             util::printable(retry.result.cause, k_max_cause_bytes),
                             util::format_duration(delay));
  if (told.held_back > 0) {
    message += fmt::format("; {} more like it in the last {}", told.held_back,
                           util::format_duration(told.since));
  }
  m_log.write(level, "retry", message,
              {{"path", retry.path},
               {"kind", std::string(k_kinds.at(kind))},
               {"cause", retry.result.cause},
               {"failures", static_cast<std::uint64_t>(retry.failures)},
               {"held_back", told.held_back}});
}

}  // namespace nai::transfer
