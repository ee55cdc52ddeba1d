// SPDX-License-Identifier: Apache-2.0
#include "support/reference.hpp"

#include <stdexcept>
#include <string_view>

#include <nai/util/text.hpp>

#include "support/temporary_directory.hpp"

namespace nai::test {

namespace {

// What stands between backticks.
std::set<std::string> names_in(std::string_view cell) {
  std::set<std::string> names;
  const auto parts = util::split(cell, '`');
  for (std::size_t i = 1; i < parts.size(); i += 2) {
    names.emplace(parts[i]);
  }
  return names;
}

}  // namespace

std::filesystem::path project_directory() { return std::filesystem::path(NAI_FIXTURES) / "../.."; }

std::map<std::string, std::set<std::string>> documented(const std::string& heading) {
  const auto text = read_file(project_directory() / "docs/reference.md");
  const auto begin = text.find("\n## " + heading + "\n");
  if (begin == std::string::npos) {
    throw std::runtime_error("docs/reference.md has no section " + heading);
  }
  const auto section = text.substr(begin, text.find("\n## ", begin + 1) - begin);
  std::map<std::string, std::set<std::string>> result;
  for (const auto line : util::split(section, '\n')) {
    const auto cells = util::split(line, '|');
    if (line.starts_with("| `") && cells.size() >= 4) {
      for (const auto& name : names_in(cells[1])) {
        result[name].merge(names_in(cells[2]));
      }
    }
  }
  return result;
}

}  // namespace nai::test
