// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "app/config.hpp"

namespace nai::app {

// A name that Kubernetes takes for an object: lower case letters, digits and dashes, at most 40, so
// that something can be added.
[[nodiscard]] std::string object_name(std::string_view text);

// A volume claim for files of `bytes` in all and the Job that fetches `version`, as YAML: a commit,
// or the digest of what an image reference named. Holds no secret: the Job takes tokens and
// passwords from the Secret that it names.
[[nodiscard]] std::string kubernetes_manifests(const Config& config, const std::string& version,
                                               std::uint64_t bytes);

}  // namespace nai::app
