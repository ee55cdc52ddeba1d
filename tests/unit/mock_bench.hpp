// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "support/mock/digest.hpp"
#include "support/mock/raw_client.hpp"
#include "support/mock/registry.hpp"

namespace mock {

inline constexpr std::uint64_t k_big_size = 3'000'000;

inline Repository tiny() {
  return make_repository("acme/tiny",
                         {regular_file("config.json", "{\"a\": 1}\n"),
                          regular_file("sub dir/weird #%name.txt", "hello"),
                          lfs_file("model.safetensors", Content::generated(7, k_big_size))});
}

inline std::string generated(std::uint64_t seed, std::uint64_t offset, std::size_t count) {
  std::string bytes(count, '\0');
  fill_generated(seed, offset, bytes);
  return bytes;
}

inline Options with_alice() {
  Options options;
  options.tokens = {{"alice", "hf_alice"}, {"bob", "hf_bob"}};
  return options;
}

inline const Headers k_alice = {{"Authorization", "Bearer hf_alice"}};
inline const Headers k_bob = {{"Authorization", "Bearer hf_bob"}};

// A registry with the tiny repository and one client for each host.
struct Bench {
  explicit Bench(Options options = {}) : registry(std::move(options)), hub(registry.hub_url()) {
    registry.add(tiny());
  }

  std::string location() {
    return *hub.get("/acme/tiny/resolve/main/model.safetensors").headers.get("Location");
  }
  Reply fetch(const Headers& headers = {}) {
    const std::string url = location();
    RawClient cdn(url);
    return cdn.get(RawClient::target_of(url), headers);
  }

  Registry registry;
  RawClient hub;
};

}  // namespace mock
