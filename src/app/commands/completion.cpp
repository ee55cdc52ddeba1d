// SPDX-License-Identifier: Apache-2.0
#include "app/completion.hpp"
#include "app/commands/commands.hpp"

namespace nai::app {

int run_completion(const Config& config, Session& session) {
  session.console.document(completion_script(config.options.shell));
  return 0;
}

}  // namespace nai::app
