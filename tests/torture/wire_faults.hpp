// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "support/mock/fault.hpp"

namespace nai::torture {

// One thing that can be wrong with answers, on those kinds of requests where it makes sense.
struct WireFault {
  std::string name;
  std::set<mock::RequestKind> kinds;
  // Made for each request anew, because some depend on its range.
  std::function<mock::Fault(const mock::RequestInfo&)> make;
  // What a run may end with when it never stops; empty: such a run succeeds.
  std::set<int> statuses;
  // One such answer is enough: each costs seconds, or the second is the last.
  bool once_is_enough = false;
};

// All of them, shortest first within their group: ends of connections, bodies, heads, statuses,
// redirects, the Hub's own answers.
[[nodiscard]] const std::vector<WireFault>& wire_faults();

}  // namespace nai::torture
