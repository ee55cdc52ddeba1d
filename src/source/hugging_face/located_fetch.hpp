// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include <nai/http/redirect.hpp>

#include <source/hugging_face/location_cache.hpp>

namespace nai::source {

// Each about 2 KB, and only files that are under way need one.
inline constexpr std::size_t k_max_locations = 1024;
// Fresh answers in a row that contradict the manifest, before it counts as a lie.
inline constexpr int k_max_contradictions = 3;

// Where a way to content begins.
struct Departure {
  http::RedirectChain chain;
  // Set when it begins with the question for a location, for which others may wait.
  std::optional<std::uint64_t> asking_round = {};
  std::uint64_t generation = 0;  // of the location in use, once there is one
  util::SteadyTime good_until{};
};

// Where it ended.
struct Outcome {
  FetchResult result;
  bool location_is_stale = false;
};

// A file by the name that its location is remembered under, and where a location is to be had.
struct LocatedFile {
  const std::string& path;
  http::Url question;
};

// Goes to the location of `file` that is known, or to its question, and again
// when the location turns out to be stale; waits while another thread asks. `run` goes one way; it
// may throw. Thread-safe. Throws what `run` threw, here or in the thread that asked.
[[nodiscard]] FetchResult fetch_by_location(LocationCache& locations, const LocatedFile& file,
                                            const util::Clock& clock,
                                            const std::function<Outcome(Departure)>& run,
                                            const std::stop_token& stop);

// An answer of a location's host that a fresh location may not get.
[[nodiscard]] bool means_stale(int status);

[[nodiscard]] FetchResult retry_because(std::string cause);

}  // namespace nai::source
