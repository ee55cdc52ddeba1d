// SPDX-License-Identifier: Apache-2.0
#include <source/hugging_face/location_cache.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <nai/util/text.hpp>

namespace nai::source {

namespace {

using std::chrono::seconds;

constexpr seconds k_default_lifetime = std::chrono::minutes{50};
constexpr seconds k_longest_margin = std::chrono::minutes{10};
// A host whose servers disagree has a few; more than that is a host that never gives the same.
constexpr std::size_t k_max_known_etags = 8;
constexpr seconds k_longest_lifetime = std::chrono::hours{24 * 7};

std::optional<seconds> parse_seconds(const std::optional<std::string>& text) {
  const auto number = text ? util::parse_decimal(*text) : std::nullopt;
  // Beyond it, sums with time points would leave their range.
  constexpr std::uint64_t k_year_2200 = 7'258'118'400;
  return number && *number < k_year_2200 ? std::optional(seconds{*number}) : std::nullopt;
}

// "20260301T123456Z".
std::optional<util::SystemTime> parse_basic_iso8601(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') {
    return std::nullopt;
  }
  constexpr std::array<std::pair<std::size_t, std::size_t>, 6> k_fields = {
      {{0, 4}, {4, 2}, {6, 2}, {9, 2}, {11, 2}, {13, 2}}};
  std::array<unsigned, 6> values{};
  for (std::size_t i = 0; i < k_fields.size(); ++i) {
    const auto value = util::parse_decimal(text.substr(k_fields[i].first, k_fields[i].second));
    if (!value) {
      return std::nullopt;
    }
    values[i] = static_cast<unsigned>(*value);
  }
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(values[0])},
                                         std::chrono::month{values[1]},
                                         std::chrono::day{values[2]}};
  if (!date.ok() || values[0] < 1970 || values[0] > 2200) {
    return std::nullopt;
  }
  return std::chrono::sys_days{date} + std::chrono::hours{values[3]} +
         std::chrono::minutes{values[4]} + seconds{values[5]};
}

// Signed as by S3 or Google: when, and for how long.
std::optional<seconds> lifetime_by_duration(const http::Url& url,
                                            std::optional<util::SystemTime> server_time) {
  for (const std::string_view vendor : {"X-Amz-", "X-Goog-"}) {
    const auto lifetime = parse_seconds(url.query_parameter(std::string(vendor) + "Expires"));
    if (!lifetime) {
      continue;
    }
    const auto signed_at =
        parse_basic_iso8601(url.query_parameter(std::string(vendor) + "Date").value_or(""));
    // Without a trustworthy clock: it was signed for this very answer.
    const seconds age = signed_at && server_time
                            ? std::chrono::floor<seconds>(*server_time - *signed_at)
                            : seconds{0};
    return *lifetime - std::max(age, seconds{0});
  }
  return std::nullopt;
}

// Signed as by CloudFront: until when.
std::optional<seconds> lifetime_by_end(const http::Url& url,
                                       std::optional<util::SystemTime> server_time,
                                       util::SystemTime local_time) {
  const auto end = parse_seconds(url.query_parameter("Expires"));
  if (!end) {
    return std::nullopt;
  }
  const seconds left =
      *end - std::chrono::floor<seconds>(server_time.value_or(local_time).time_since_epoch());
  // A location that was dead on arrival by this machine's clock speaks against the clock.
  return server_time || left > seconds{0} ? std::optional(left) : std::nullopt;
}

}  // namespace

seconds location_lifetime(const http::Url& location, std::optional<util::SystemTime> server_time,
                          util::SystemTime local_time) {
  auto lifetime = lifetime_by_duration(location, server_time);
  if (!lifetime) {
    lifetime = lifetime_by_end(location, server_time, local_time);
  }
  if (!lifetime) {
    return k_default_lifetime;
  }
  // A request that starts within the margin may reach the host after the end.
  const seconds margin = std::min(k_longest_margin, *lifetime / 6);
  return std::clamp(*lifetime - margin, seconds{0}, k_longest_lifetime);
}

LocationCache::Answer LocationCache::acquire(const std::string& path, util::SteadyTime now,
                                             const std::stop_token& stop) {
  std::unique_lock lock(m_mutex);
  while (true) {
    Entry& entry = touch(path);
    if (entry.location && now < entry.location->good_until) {
      return Known{*entry.location, entry.generation};
    }
    if (!entry.asking) {
      entry.asking = true;
      return Ask{entry.round};
    }
    const std::uint64_t round = entry.round;
    const auto ended = [&] {
      const auto found = m_entries.find(path);
      return found == m_entries.end() || found->second.round != round;
    };
    if (!m_changed.wait(lock, stop, ended)) {
      return FetchResult{.verdict = http::Verdict::stopped, .cause = "stopped"};
    }
    const auto found = m_entries.find(path);
    if (found != m_entries.end() && found->second.failure) {
      return *found->second.failure;
    }
  }
}

std::uint64_t LocationCache::found(const std::string& path, Location location) {
  const std::lock_guard lock(m_mutex);
  Entry& entry = touch(path);
  entry.location = std::move(location);
  entry.generation = ++m_generations;
  entry.failure.reset();
  if (std::exchange(entry.asking, false)) {
    entry.round = ++m_rounds;
    m_changed.notify_all();
  }
  return entry.generation;
}

void LocationCache::failed(const std::string& path, std::uint64_t round, Failure failure) {
  const std::lock_guard lock(m_mutex);
  const auto found = m_entries.find(path);
  if (found == m_entries.end() || !found->second.asking || found->second.round != round) {
    return;
  }
  found->second.asking = false;
  found->second.failure = std::move(failure);
  found->second.round = ++m_rounds;
  m_changed.notify_all();
}

bool LocationCache::invalidate(const std::string& path, std::uint64_t generation) {
  const std::lock_guard lock(m_mutex);
  const auto found = m_entries.find(path);
  if (found == m_entries.end() || !found->second.location ||
      found->second.generation != generation) {
    return false;
  }
  found->second.location.reset();
  return true;
}

void LocationCache::forget(const std::string& path) {
  const std::lock_guard lock(m_mutex);
  if (const auto found = m_entries.find(path); found != m_entries.end()) {
    found->second.location.reset();
  }
}

bool LocationCache::is_known_etag(const std::string& path, const std::string& host,
                                  const std::string& etag) {
  const std::lock_guard lock(m_mutex);
  std::set<std::string>& known = touch(path).etags[host];
  const bool first = known.empty();
  if (known.size() >= k_max_known_etags) {
    known.clear();
  }
  return !known.insert(etag).second || first;
}

int LocationCache::contradicted(const std::string& path) {
  const std::lock_guard lock(m_mutex);
  return ++touch(path).contradictions;
}

void LocationCache::agreed(const std::string& path) {
  const std::lock_guard lock(m_mutex);
  touch(path).contradictions = 0;
}

LocationCache::Entry& LocationCache::touch(const std::string& path) {
  const auto [found, added] = m_entries.try_emplace(path);
  if (added) {
    found->second.round = ++m_rounds;
    m_recent.push_front(path);
    found->second.recency = m_recent.begin();
    evict();
  } else {
    m_recent.splice(m_recent.begin(), m_recent, found->second.recency);
  }
  return found->second;
}

// Never the entry just touched, nor one that threads wait for.
void LocationCache::evict() {
  auto oldest = m_recent.end();
  while (m_entries.size() > m_capacity && --oldest != m_recent.begin()) {
    if (const auto entry = m_entries.find(*oldest); !entry->second.asking) {
      m_entries.erase(entry);
      oldest = m_recent.erase(oldest);
    }
  }
}

}  // namespace nai::source
