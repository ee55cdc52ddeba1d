// SPDX-License-Identifier: Apache-2.0
#include <nai/util/memory_limit.hpp>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

namespace nai::util {

namespace {

// Version 1 says "no limit" with a number that no machine reaches.
constexpr std::uint64_t k_unlimited = std::uint64_t{1} << 60U;

// "max" and what cannot be read are no limit.
std::optional<std::uint64_t> read_limit(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::string text;
  std::getline(stream, text);
  std::uint64_t bytes = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (parsed.ec != std::errc{} || bytes >= k_unlimited) {
    return std::nullopt;
  }
  return bytes;
}

// Where a line of /proc/self/cgroup, "<id>:<controllers>:<path>", has its limits.
struct Group {
  std::filesystem::path hierarchy;
  std::string_view file;
  std::filesystem::path path;
};

std::optional<Group> parse_group(const std::filesystem::path& root, std::string_view line) {
  const auto first = line.find(':');
  const auto second =
      first == std::string_view::npos ? std::string_view::npos : line.find(':', first + 1);
  if (second == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view controllers = line.substr(first + 1, second - first - 1);
  const std::filesystem::path path = std::filesystem::path(line.substr(second + 1)).relative_path();
  if (controllers.empty()) {
    return Group{root / "sys/fs/cgroup", "memory.max", path};
  }
  if (controllers == "memory") {
    return Group{root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", path};
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> memory_limit(const std::filesystem::path& root) {
  std::optional<std::uint64_t> least;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    auto group = parse_group(root, line);
    // In a container the path may be the host's, which does not exist here; its end, /, does.
    while (group) {
      if (const auto limit = read_limit(group->hierarchy / group->path / group->file)) {
        least = std::min(least.value_or(*limit), *limit);
      }
      if (group->path.empty()) {
        break;
      }
      group->path = group->path.parent_path();
    }
  }
  return least;
}

}  // namespace nai::util
