// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <source/nim/model_manifest.hpp>

namespace nai::source {

// Which profile, and why in one sentence. Without a profile the sentence says why there is none.
struct ProfileChoice {
  const Profile* profile = nullptr;  // of the manifest
  std::string reason;
};

// What is asked for by name must exist: Error{usage} otherwise. What the other wishes leave open
// stays open: the GPU of the endpoint decides, and a wrong guess is gigabytes of the wrong files.
[[nodiscard]] ProfileChoice choose_profile(const ModelManifest& manifest,
                                           const ProfileWishes& wishes);

// Whether the profile was made for a GPU of that product name, such as NVIDIA-L40S; false also for
// profiles that were made for none.
[[nodiscard]] bool fits_gpu(const Profile& profile, std::string_view product);

// The few regular expressions that manifests use: literals, ".", "*", "+", "?", "^", "$", "\" and
// "(?!literal)". Anything else matches nothing. Never slow, whatever the pattern.
[[nodiscard]] bool matches_expression(std::string_view expression, std::string_view text);

}  // namespace nai::source
