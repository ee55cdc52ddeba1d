// SPDX-License-Identifier: Apache-2.0
#include "app/commands/commands.hpp"

namespace nai::app {

int run_verify(const Config&, Session&) { return 0; }

}  // namespace nai::app
