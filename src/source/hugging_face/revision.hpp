// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include <source/hugging_face/hub.hpp>

namespace nai::source {

// The full commit that the repository's revision names. Throws Error.
[[nodiscard]] std::string resolve_revision(Hub& hub, const std::stop_token& stop);

// 40 lower-case hexadecimal digits.
[[nodiscard]] bool is_commit(std::string_view text);

}  // namespace nai::source
