// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "app/config.hpp"

namespace nai::app {

// Whether the registry of an image is asked with a user of its own, in place of the NGC key.
[[nodiscard]] bool has_registry_user(const Config& config);

// What to set or to check after `refusal`, the text of an Error{unauthorized}. It tells who
// refused, and so which of several credentials is meant: the Hub's, NGC's, or that of a registry's
// own user.
[[nodiscard]] std::string remedy_of_refusal(const Config& config, std::string_view refusal);

// Which credential did not go to whoever refused, and why not; empty when it did.
[[nodiscard]] std::string missing_credential(const Config& config, std::string_view refusal);

}  // namespace nai::app
