// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <nai/transfer/chunk_queue.hpp>
#include <nai/util/clock.hpp>

namespace nai::transfer {

// Finds connections that run far below the others and would hold up their file: dialled anew they
// often get a better way or another machine of the content host. Pure.
class Stragglers {
 public:
  // Call it every few seconds with all active leases; returns the ids of those to dial anew.
  [[nodiscard]] std::vector<std::uint64_t> observe(util::SteadyTime now,
                                                   const std::vector<ActiveLease>& active);

 private:
  std::map<std::uint64_t, std::uint64_t> m_claimed;  // at the last call, by lease
  util::SteadyTime m_last{};
};

}  // namespace nai::transfer
