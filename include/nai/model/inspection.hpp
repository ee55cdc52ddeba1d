// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

namespace nai::model {

// What looks wrong about a file although it is what its author published.
struct Finding {
  std::string path;
  std::string problem;  // what is wrong, behind "path: "
};

// Looks at what a model consists of in ways that cost next to nothing, and that checksums cannot
// replace: headers of safetensors files, that their indexes name files that exist, and that
// configuration and tokenizer files can be parsed. `paths` are below `directory`; `left_out` exist
// too, but not here. Blocks for as long as reading some kilobytes a file takes. A file that
// cannot be read is passed over. Throws Error{interrupted} when `stop` is requested, and
// std::bad_alloc.
[[nodiscard]] std::vector<Finding> inspect(const std::filesystem::path& directory,
                                           const std::vector<std::string>& paths,
                                           const std::vector<std::string>& left_out,
                                           const std::stop_token& stop);

}  // namespace nai::model
