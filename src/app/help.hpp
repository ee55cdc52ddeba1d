// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace nai::app {

// The page that --help prints: below 100 columns, ends with a line feed.
[[nodiscard]] std::string help_text();

// "nai-model-processor 0.1.0 (commit 1a2b3c4)" and a line with the libraries.
[[nodiscard]] std::string version_text();

}  // namespace nai::app
