// SPDX-License-Identifier: Apache-2.0
#include "app/claim.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <nai/util/units.hpp>

namespace nai::app {

std::uint64_t claim_gib(std::uint64_t bytes) {
  const std::uint64_t wanted = bytes + std::max(bytes / 10, util::k_gib);
  return wanted / util::k_gib + (wanted % util::k_gib == 0 ? 0 : 1);
}

std::string claim_quantity(std::uint64_t bytes) { return fmt::format("{}Gi", claim_gib(bytes)); }

}  // namespace nai::app
