// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include <nai/source/manifest.hpp>
#include <nai/storage/layout.hpp>
#include <nai/storage/record.hpp>

#include "app/config.hpp"
#include "app/log.hpp"

namespace nai::app {

// Whether hf_cache is to stay, as a hub cache.
[[nodiscard]] bool keeps_hub_cache(const Config& config);

// Puts around `files`, which are in place, what Hugging Face's own tools look for: metadata of a
// local directory, which is only told about when it fails, and a hub cache, if it is wanted. Throws
// Error{storage or no_space} for the latter.
void write_hub_files(const Config& config, const storage::Layout& layout, const std::string& commit,
                     const std::vector<storage::RecordedFile>& files, Console& console);

// Looks at the files of a model for what checksums cannot tell, and tells what is found.
[[nodiscard]] std::vector<storage::RecordedFinding> inspect_model(const storage::Layout& layout,
                                                                  const source::Manifest& manifest,
                                                                  const std::stop_token& stop,
                                                                  Console& console);

// Tells what was found when the volume was completed.
void tell_findings(const std::vector<storage::RecordedFinding>& findings, Console& console);

}  // namespace nai::app
