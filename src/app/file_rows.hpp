// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <nai/transfer/progress.hpp>

namespace nai::app {

// The columns and rows that a display may take.
struct DisplaySize {
  std::size_t width = 80;
  std::size_t height = 24;
};

// A row with a bar for each file in progress, each ended by a line feed, as many as leave room for
// a line below; a row for those that have none. Empty where there are no files.
[[nodiscard]] std::string file_rows(
    const std::vector<std::shared_ptr<const transfer::FileProgress>>& files, DisplaySize size);

}  // namespace nai::app
