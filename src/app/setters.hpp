// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "app/config.hpp"

namespace nai::app {

// What a setting does when it takes more than to parse one value into one member. Each puts `value`
// (trimmed, not empty) into `config` and returns what would have been accepted; an empty text when
// all is well.

[[nodiscard]] std::string set_repository(Config& config, std::string_view value);
[[nodiscard]] std::string set_progress_interval(Config& config, std::string_view value);
[[nodiscard]] std::string set_dead_after(Config& config, std::string_view value);
[[nodiscard]] std::string set_retries(Config& config, std::string_view value);
[[nodiscard]] std::string set_retry_delay(Config& config, std::string_view value);
[[nodiscard]] std::string set_termination_file(Config& config, std::string_view value);
[[nodiscard]] std::string set_block_size(Config& config, std::string_view value);
[[nodiscard]] std::string set_connections(Config& config, std::string_view value);
[[nodiscard]] std::string set_gpu_count(Config& config, std::string_view value);
[[nodiscard]] std::string set_rate_limit(Config& config, std::string_view value);

}  // namespace nai::app
