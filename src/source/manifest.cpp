// SPDX-License-Identifier: Apache-2.0
#include <nai/source/manifest.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_max_path_bytes = 4096;    // PATH_MAX
constexpr std::size_t k_max_segment_bytes = 255;  // NAME_MAX of Linux file systems and NFS
constexpr std::size_t k_max_shown_name_bytes = 200;

[[noreturn]] void refuse_path(std::string_view path, std::string_view why) {
  throw util::Error(util::ErrorKind::content_mismatch,
                    fmt::format("the repository has a file that cannot be stored, \"{}\": {}",
                                util::printable(path, k_max_shown_name_bytes), why));
}

bool is_drive(std::string_view segment) {
  return segment.size() >= 2 && segment[1] == ':' &&
         ((segment[0] >= 'A' && segment[0] <= 'Z') || (segment[0] >= 'a' && segment[0] <= 'z'));
}

void check_segment(std::string_view path, std::string_view segment) {
  if (segment.empty()) {
    refuse_path(path, "empty path segment");
  }
  if (segment == "." || segment == "..") {
    refuse_path(path, "\".\" or \"..\" as a path segment");
  }
  if (segment.size() > k_max_segment_bytes) {
    refuse_path(path, "a name of more than 255 bytes");
  }
  if (is_drive(segment)) {
    refuse_path(path, "a drive letter");
  }
}

void check_path(std::string_view path) {
  if (path.empty()) {
    refuse_path(path, "empty path");
  }
  if (path.size() > k_max_path_bytes) {
    refuse_path(path, "a path of more than 4096 bytes");
  }
  if (path.front() == '/') {
    refuse_path(path, "absolute path");
  }
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      refuse_path(path, "control character");
    }
    if (c == '\\') {
      refuse_path(path, "backslash");
    }
  }
  for (const std::string_view segment : util::split(path, '/')) {
    check_segment(path, segment);
  }
}

// Two paths that some file system takes for one, or one that is both file and directory.
class Names {
 public:
  void add_file(const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      add(path.substr(0, slash), path, true);
    }
    add(path, path, false);
  }

 private:
  struct Name {
    std::string spelling;
    std::string owner;  // the first path that has it
    bool directory = false;
  };

  void add(const std::string& name, const std::string& path, bool directory) {
    const auto [found, added] =
        m_names.try_emplace(util::to_lower(name), Name{name, path, directory});
    if (added) {
      return;
    }
    const Name& first = found->second;
    const std::string shown = util::printable(first.owner, k_max_shown_name_bytes);
    if (first.directory != directory) {
      refuse_path(path, fmt::format("\"{}\" needs a directory where another file is", shown));
    }
    if (first.spelling != name) {
      refuse_path(path, fmt::format("differs only in case from \"{}\"", shown));
    }
    if (!directory) {
      refuse_path(path, "listed twice");
    }
  }

  std::map<std::string, Name> m_names;
};

}  // namespace

std::uint64_t Manifest::total_bytes() const {
  std::uint64_t total = 0;
  for (const Artifact& artifact : artifacts) {
    total += artifact.size;
  }
  return total;
}

void validate_names(const std::vector<std::string>& paths) {
  Names names;
  for (const std::string& path : paths) {
    check_path(path);
    names.add_file(path);
  }
}

void validate_paths(const std::vector<Artifact>& artifacts) {
  std::vector<std::string> paths;
  paths.reserve(artifacts.size());
  for (const Artifact& artifact : artifacts) {
    paths.push_back(artifact.path);
  }
  validate_names(paths);
}

}  // namespace nai::source
