// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <variant>

#include <nai/http/url.hpp>
#include <nai/source/source.hpp>
#include <nai/util/clock.hpp>
#include <nai/util/error.hpp>

namespace nai::source {

// Where an artifact's content is to be had until when.
struct Location {
  http::Url url;
  util::SteadyTime good_until;
};

// How long a location may be used from now: what its signature says by the server's clock, less a
// margin, or 50 minutes when it does not say. `server_time` is the Date of the answer that had it;
// without one this machine's clock has to do.
[[nodiscard]] std::chrono::seconds location_lifetime(const http::Url& location,
                                                     std::optional<util::SystemTime> server_time,
                                                     util::SystemTime local_time);

// The locations of artifacts, each asked for by one thread while others wait. Thread-safe.
class LocationCache {
 public:
  // At most `capacity` artifacts are remembered, the least recently used go first.
  explicit LocationCache(std::size_t capacity) : m_capacity(capacity) {}

  // The location is known; `generation` names this one.
  struct Known {
    Location location;
    std::uint64_t generation = 0;
  };
  // The caller is to ask, and to call found() or failed() when it is done. `round` names the
  // asking.
  struct Ask {
    std::uint64_t round = 0;
  };
  // The thread that asked while this one waited could not get a location, for the reason in here.
  using Failure = std::variant<FetchResult, util::Error>;
  using Answer = std::variant<Known, Ask, Failure>;

  // Waits while another thread asks. When stopped meanwhile, the failure says so.
  [[nodiscard]] Answer acquire(const std::string& path, util::SteadyTime now,
                               const std::stop_token& stop);
  // The generation of what is stored now. Also for who did not ask but learned a better location.
  std::uint64_t found(const std::string& path, Location location);
  // Hands the reason to those who wait for this round. No effect when found() ended it before.
  void failed(const std::string& path, std::uint64_t round, Failure failure);

  // Forgets the location, unless it was replaced meanwhile; true if it was this generation.
  bool invalidate(const std::string& path, std::uint64_t generation);
  void forget(const std::string& path);

  // Whether `host` gave this entity tag before, or none at all; remembers a new one.
  bool is_known_etag(const std::string& path, const std::string& host, const std::string& etag);
  // Counts an answer that contradicts the manifest; returns how many there were since agreed().
  int contradicted(const std::string& path);
  void agreed(const std::string& path);

 private:
  struct Entry {
    bool asking = false;
    std::optional<Location> location;
    std::uint64_t generation = 0;
    std::uint64_t round = 0;                             // of asking; another one when it ends
    std::optional<Failure> failure;                      // of the round that ended last
    std::map<std::string, std::set<std::string>> etags;  // by host
    int contradictions = 0;
    std::list<std::string>::iterator recency;
  };

  Entry& touch(const std::string& path);
  void evict();

  const std::size_t m_capacity;
  std::mutex m_mutex;
  std::condition_variable_any m_changed;
  std::map<std::string, Entry> m_entries;
  std::list<std::string> m_recent;  // the last used first
  std::uint64_t m_generations = 0;
  std::uint64_t m_rounds = 0;  // never used twice, whatever was evicted
};

}  // namespace nai::source
