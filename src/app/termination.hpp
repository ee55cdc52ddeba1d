// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace nai::app {

// Writes the reason of a failure where Kubernetes looks for it, in place (the file is a bind mount:
// a rename would fail), cut to 4096 bytes at the border of a character. A file that does not exist
// is created only if `create`, and is no problem otherwise. Returns why it could not be written,
// empty when it was; never throws.
[[nodiscard]] std::string write_termination_message(const std::filesystem::path& file, bool create,
                                                    std::string_view text) noexcept;

}  // namespace nai::app
