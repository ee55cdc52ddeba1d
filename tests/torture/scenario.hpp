// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "torture/world.hpp"

namespace nai::torture {

// What a run finds on the volume.
struct Scenario {
  std::string name;
  std::function<test::Job(const World&)> prepare;
};

// Nothing; what a run left that was killed in the middle, its lease included; another revision,
// complete.
[[nodiscard]] const std::vector<Scenario>& scenarios();

// The calls that a run makes that nothing happens to, such as "rename /volume/a". In another run
// some may come in another order, and a few more or less.
[[nodiscard]] std::vector<std::string> calls_of(const World& world, const Scenario& scenario,
                                                const std::set<Call>& kinds);

// "rename" of "rename /volume/a".
[[nodiscard]] std::string kind_of(const std::string& call);

}  // namespace nai::torture
