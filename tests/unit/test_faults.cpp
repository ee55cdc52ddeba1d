// SPDX-License-Identifier: Apache-2.0
// Holds docs/faults.md to the tests: each that it names must be there.
#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

#include "app/exit_status.hpp"
#include "support/reference.hpp"
#include "support/temporary_directory.hpp"

namespace {

using nai::test::project_directory;
using nai::test::read_file;
using nai::util::Error;
using nai::util::ErrorKind;
using nai::util::split;
using nai::util::trim;

std::set<std::string> all_matches(const std::string& text, const char* pattern) {
  const std::regex expression(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), expression), end; it != end; ++it) {
    found.insert((*it)[1]);
  }
  return found;
}

// The names of tests in a file: of test cases, of functions of a shell script or a fuzzer, and of
// the faults of scripts/torture, where {} stands for anything.
std::set<std::string> tests_in(const std::filesystem::path& file) {
  const auto text = std::regex_replace(read_file(file), std::regex(R"("\n\s*")"), "");
  const auto path = file.string();
  if (path.find("tests/torture/") != std::string::npos) {
    return all_matches(text, R"re("([^"\\\n]+)")re");
  }
  if (path.find("tests/fuzz/") != std::string::npos) {
    return all_matches(text, R"(\nvoid (\w+)\()");
  }
  if (file.extension() == ".cpp") {
    return all_matches(text, R"re(TEST_CASE(?:_METHOD)?\(\s*(?:\w+,\s*)?"([^"]+)")re");
  }
  return all_matches(text, R"(\n(\w+)\(\) *\{)");
}

// Whether `name` is what a format string makes of something.
bool fits(std::string_view name, const std::string& format) {
  if (format.find('{') == std::string::npos) {
    return name == format;
  }
  static const std::regex k_special(R"([.^$|()\[\]*+?\\/])");
  auto pattern = std::regex_replace(format, k_special, R"(\$&)");
  pattern = std::regex_replace(pattern, std::regex(R"(\{[^}]*\})"), ".+");
  const bool says_something = std::regex_search(format, std::regex("[A-Za-z]{3}"));
  return says_something && std::regex_match(std::string(name), std::regex(pattern));
}

bool has_test(const std::filesystem::path& file, std::string_view name) {
  static std::map<std::filesystem::path, std::set<std::string>> known;
  if (!known.contains(file)) {
    known[file] = tests_in(file);
  }
  const auto& names = known[file];
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& format) { return fits(name, format); });
}

// `tests/file` "one", "another"; `scripts/other`
void check_tests(std::string_view cell) {
  const auto parts = split(cell, '`');
  CHECK(parts.size() >= 3);
  for (std::size_t i = 1; i + 1 < parts.size(); i += 2) {
    INFO(parts[i]);
    const auto file = project_directory() / std::string(parts[i]);
    REQUIRE(std::filesystem::is_regular_file(file));
    const auto names = split(parts[i + 1], '"');
    CHECK(names.size() % 2 == 1);
    // A script may be one test.
    CHECK((names.size() > 1 || parts[i].starts_with("scripts/")));
    for (std::size_t n = 1; n < names.size(); n += 2) {
      INFO(names[n]);
      CHECK(has_test(file, names[n]));
    }
  }
}

struct Row {
  std::string fault;
  std::vector<std::string> cells;
};

std::vector<Row> rows() {
  std::vector<Row> result;
  const auto page = read_file(project_directory() / "docs/faults.md");
  for (const auto line : split(page, '\n')) {
    if (!line.starts_with("| ") || line.starts_with("| Fault |")) {
      continue;
    }
    Row row;
    for (const auto cell : split(line, '|')) {
      row.cells.emplace_back(trim(cell));
    }
    row.fault = row.cells[1];
    result.push_back(row);
  }
  return result;
}

}  // namespace

TEST_CASE("Every test that the page of faults names exists", "[docs]") {
  const auto all = rows();
  CHECK(all.size() > 60);
  for (const Row& row : all) {
    INFO(row.fault);
    REQUIRE(row.cells.size() == 6);  // with what is before the first bar and behind the last
    CHECK_FALSE(row.cells[2].empty());
    check_tests(row.cells[4]);
  }
}

TEST_CASE("Every exit status on the page of faults is one of the program's", "[docs]") {
  std::set<std::string> known{"0", "143"};
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::interrupted); ++kind) {
    const Error error(static_cast<ErrorKind>(kind), "x");
    known.insert(std::to_string(nai::app::describe_failure(error).exit_status));
  }
  for (const Row& row : rows()) {
    INFO(row.fault);
    for (const auto& status : all_matches(row.cells.at(3), R"((\d+))")) {
      CHECK(known.contains(status));
    }
  }
}

TEST_CASE("The page of faults has every case of the suite on NFS", "[docs]") {
  const auto page = read_file(project_directory() / "docs/faults.md");
  const auto suite = read_file(project_directory() / "tests/nfs/suite");
  for (const auto& name : all_matches(suite, R"(\n *run (\w+))")) {
    INFO(name);
    CHECK(page.find('"' + name + '"') != std::string::npos);
  }
}

TEST_CASE("A name on the page of faults is found only where it is", "[docs]") {
  CHECK(fits("stall after 5 bytes", "stall after {} bytes"));
  CHECK_FALSE(fits("stall after bytes", "stall after {} bytes"));
  CHECK_FALSE(fits("anything at all", "{} {}"));
  CHECK(fits("a.b", "a.b"));
  CHECK_FALSE(has_test(project_directory() / "tests/nfs/cases/ends.sh", "no_such_case"));
}
