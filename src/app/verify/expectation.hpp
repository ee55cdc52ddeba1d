// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <nai/storage/volume.hpp>

#include "app/config.hpp"
#include "app/session.hpp"

namespace nai::app {

// What should be on the volume, and who says so.
struct Expectation {
  std::string authority;  // "the completion record of 2026-03-01T12:34:56Z"
  std::string source;
  std::string revision;
  std::string completed_at = {};  // of the record; empty: the source says it
  std::vector<storage::FileIdentity> files;
  storage::Arrangement arrangement;
};

// From the completion record; from the source where there is none that can be used, or where
// --against-source asks for it. Throws Error: usage when neither can tell, or when the volume holds
// something else than the configuration names; else what asking the source throws.
[[nodiscard]] Expectation expected_on(const storage::Volume& volume, const Config& config,
                                      Session& session);

// Whether the record that this is from stands unchanged; true of what is not from a record.
[[nodiscard]] bool still_stands(const Expectation& expected, const storage::Volume& volume,
                                Session& session);

}  // namespace nai::app
