// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include <nai/util/clock.hpp>

#include "app/log.hpp"

namespace nai::app {

// What every command works with besides its configuration.
struct Session {
  Console& console;
  util::Clock& clock;
  std::stop_source stop;
};

}  // namespace nai::app
