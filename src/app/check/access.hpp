// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include <nai/util/clock.hpp>

#include "app/check/finding.hpp"
#include "app/check/watched_client.hpp"
#include "app/config.hpp"

namespace nai::app {

// What the checks of access work with; all of it outlives the call.
struct AccessContext {
  const Config& config;
  WatchedClient& client;
  util::Clock& clock;
  Console& console;
  std::stop_token stop;
};

struct AccessResult {
  std::vector<Finding> findings = {};
  std::optional<std::uint64_t> bytes = {};  // of the model, when it could be listed
};

// Does what a download does first, by the same code: asks whose the token is, resolves the model,
// lists its files, and gets one byte of one of them from where it is stored. Without a model in the
// configuration, only the token and the hosts are tried. Throws Error{interrupted}. Trouble that
// the client saw on the wire is left to the findings about contacts.
[[nodiscard]] AccessResult check_access(const AccessContext& context);

}  // namespace nai::app
