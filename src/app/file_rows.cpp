// SPDX-License-Identifier: Apache-2.0
#include "app/file_rows.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "app/progress_line.hpp"

namespace nai::app {

namespace {

constexpr std::size_t k_most_rows = 8;
constexpr std::size_t k_bar_cells = 20;
constexpr std::size_t k_amount_width = 20;  // "10.03 of 16.07 GB"

// The end of a path tells one shard from the next.
std::string shortened(std::string_view path, std::size_t width) {
  constexpr std::string_view k_dots = "...";
  if (path.size() <= width || width <= k_dots.size()) {
    return std::string(path.substr(0, width));
  }
  return std::string(k_dots).append(path.substr(path.size() - (width - k_dots.size())));
}

std::string bar(std::uint64_t part, std::uint64_t whole) {
  const double share = whole == 0 ? 1 : static_cast<double>(part) / static_cast<double>(whole);
  const auto full = static_cast<std::size_t>(std::min(1.0, share) * k_bar_cells);
  return fmt::format("[{}{}]", std::string(full, '='), std::string(k_bar_cells - full, ' '));
}

std::string row(const transfer::FileProgress& file, std::size_t name_width, bool with_bar) {
  const std::uint64_t present = file.bytes_present;
  const auto amount =
      present >= file.size ? std::string("verifying") : bytes_of(present, file.size);
  return fmt::format("{:<{}}  {}{}\n", shortened(file.path, name_width), name_width,
                     with_bar ? bar(present, file.size) + " " : "", amount);
}

}  // namespace

std::string file_rows(const std::vector<std::shared_ptr<const transfer::FileProgress>>& files,
                      DisplaySize size) {
  const std::size_t room = std::min(k_most_rows, size.height > 3 ? size.height - 3 : 0);
  if (files.empty() || room == 0 || size.width <= k_amount_width + 10) {
    return {};
  }
  const std::size_t shown = std::min(files.size(), room);
  std::size_t longest = 0;
  for (std::size_t i = 0; i < shown; ++i) {
    longest = std::max(longest, files[i]->path.size());
  }
  const std::size_t with_bar = k_amount_width + k_bar_cells + 5;
  const bool has_bar = size.width >= with_bar + 20;
  const auto name_width = std::min(longest, size.width - (has_bar ? with_bar : k_amount_width + 2));
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    text += row(*files[i], name_width, has_bar);
  }
  if (files.size() > shown) {
    text += fmt::format("and {} more\n", files.size() - shown);
  }
  return text;
}

}  // namespace nai::app
