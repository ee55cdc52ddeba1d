// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nai::app {

// How the size of a volume is reckoned, for people.
inline constexpr std::string_view k_claim_rule =
    "the files and a tenth more, at least 1 GiB more, rounded up to whole GiB";

// The whole GiB that a volume for files of `bytes` in all should have. A file in progress is
// renamed into its place, so nothing is there twice; the rest is for the file system's own needs.
[[nodiscard]] std::uint64_t claim_gib(std::uint64_t bytes);
// "18Gi", as Kubernetes writes it.
[[nodiscard]] std::string claim_quantity(std::uint64_t bytes);

}  // namespace nai::app
