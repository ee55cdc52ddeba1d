// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nai::util {

// RFC 4648 with padding.
[[nodiscard]] std::string base64_encode(std::string_view bytes);
// Empty unless `text` is well-formed; padding may be missing.
[[nodiscard]] std::optional<std::vector<std::byte>> base64_decode(std::string_view text);

}  // namespace nai::util
