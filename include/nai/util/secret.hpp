// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace nai::util {

// Replaces every `secret` in `text` by "***"; also what is left of one where printable() cut the
// text, if that is at least four bytes. Nothing for an empty secret.
void mask(std::string& text, std::string_view secret);

}  // namespace nai::util
