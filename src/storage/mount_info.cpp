// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/mount_info.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include <nai/util/text.hpp>

namespace nai::storage {

namespace {

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// The kernel writes blanks and backslashes of names as "\040".
std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::all_of(text.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                    text.begin() + static_cast<std::ptrdiff_t>(i) + 4, is_octal)) {
      result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                  (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

// "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
std::optional<MountInfo> parse_line(std::string_view line) {
  constexpr std::size_t k_mount_point = 4;
  constexpr std::size_t k_options = 5;
  const auto parts = util::split(line, ' ');
  const auto dash = std::find(parts.begin(), parts.end(), "-");
  if (parts.end() - dash < 4 || dash - parts.begin() <= static_cast<std::ptrdiff_t>(k_options)) {
    return std::nullopt;
  }
  return MountInfo{.mount_point = unescaped(parts[k_mount_point]),
                   .type = std::string(dash[1]),
                   .source = unescaped(dash[2]),
                   .options = std::string(parts[k_options]) + "," + std::string(dash[3])};
}

bool contains(const std::filesystem::path& outer, const std::filesystem::path& inner) {
  const auto [end, ignored] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return end == outer.end();
}

}  // namespace

bool MountInfo::has_option(std::string_view name) const {
  const auto all = util::split(options, ',');
  return std::any_of(all.begin(), all.end(),
                     [&](std::string_view one) { return one.substr(0, one.find('=')) == name; });
}

std::string_view MountInfo::option(std::string_view name) const {
  for (const std::string_view one : util::split(options, ',')) {
    if (one.size() > name.size() && one.starts_with(name) && one[name.size()] == '=') {
      return one.substr(name.size() + 1);
    }
  }
  return {};
}

std::optional<MountInfo> parse_mount_info(std::string_view text,
                                          const std::filesystem::path& directory) {
  std::optional<MountInfo> best;
  for (const std::string_view line : util::split(text, '\n')) {
    auto mount = parse_line(line);
    // Of two at the same place the later one is on top.
    if (mount && contains(mount->mount_point, directory) &&
        (!best || mount->mount_point.size() >= best->mount_point.size())) {
      best = std::move(mount);
    }
  }
  return best;
}

std::optional<MountInfo> mount_of(const std::filesystem::path& directory) {
  std::error_code problem;
  const auto whole = std::filesystem::absolute(directory, problem).lexically_normal();
  std::ifstream file("/proc/self/mountinfo");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return problem ? std::nullopt : parse_mount_info(text, whole);
}

}  // namespace nai::storage
