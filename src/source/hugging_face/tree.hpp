// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include <nai/source/manifest.hpp>

#include <source/hugging_face/hub.hpp>

namespace nai::source {

// All files of the commit with sizes and digests, in the Hub's order, their paths unchecked. Throws
// Error.
[[nodiscard]] std::vector<Artifact> list_files(Hub& hub, const std::string& commit,
                                               const std::stop_token& stop);

// The same from a mirror without the tree endpoint: names from the revision, and what they lack
// from one HEAD a file.
[[nodiscard]] std::vector<Artifact> list_siblings(Hub& hub, const std::string& commit,
                                                  const std::stop_token& stop);

// Bounds on what a repository may hold; Error{content_mismatch} beyond.
void check_file_count(const Hub& hub, std::size_t count);
// The entry's file; Error{content_mismatch} naming the repository and what is wrong otherwise.
[[nodiscard]] Artifact checked_artifact(const Hub& hub, std::string path,
                                        std::optional<std::uint64_t> size,
                                        std::optional<digest::Digest> digest);

}  // namespace nai::source
