// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <nai/util/text.hpp>

#include "app/exit_status.hpp"
#include "app/run_status.hpp"
#include "app/settings.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace nai::app;
using nai::util::ErrorKind;
using Names = std::set<std::string>;
using Row = std::vector<std::string>;

const std::filesystem::path k_repository = NAI_REPOSITORY;

std::string reference() { return nai::test::read_file(k_repository / "docs" / "reference.md"); }

// From a heading to the next one of the same rank or a higher one.
std::string section(const std::string& heading) {
  const auto text = "\n" + reference();
  const auto begin = text.find("\n" + heading + "\n");
  REQUIRE(begin != std::string::npos);
  auto end = text.find("\n## ", begin + 1);
  if (heading.starts_with("### ")) {
    end = std::min(end, text.find("\n### ", begin + 1));
  }
  return text.substr(begin, end - begin);
}

// The cells of the tables in `text`, without headings.
std::vector<Row> rows_of(const std::string& text) {
  std::vector<Row> rows;
  bool in_body = false;
  for (const auto line : nai::util::split(text, '\n')) {
    if (!line.starts_with("|")) {
      in_body = false;
    } else if (line.starts_with("|---")) {
      in_body = true;
    } else if (in_body) {
      Row row;
      const auto plain = std::regex_replace(std::string(line), std::regex(R"(\\\|)"), "/");
      for (const auto cell : nai::util::split(plain, '|')) {
        row.emplace_back(nai::util::trim(cell));
      }
      rows.push_back(row);
    }
  }
  return rows;
}

Names quoted_in(const std::string& text) {
  static const std::regex k_quoted("`([^`]+)`");
  Names names;
  for (std::sregex_iterator it(text.begin(), text.end(), k_quoted), end; it != end; ++it) {
    names.insert((*it)[1]);
  }
  return names;
}

// What the first cells of a section's tables name.
Names named_in(const std::string& heading) {
  Names names;
  for (const auto& row : rows_of(section(heading))) {
    names.merge(quoted_in(row.at(1)));
  }
  return names;
}

Names names_of(const nai::util::Fields& fields) {
  Names names;
  for (const auto& [name, value] : fields) {
    names.emplace(name);
  }
  return names;
}

std::string in_ticks(std::string_view text) {
  return text.empty() ? std::string() : "`" + std::string(text) + "`";
}

RunStatus failed_run() {
  return {.state = RunState::failed,
          .progress = {.files_total = 2, .bytes_total = 10, .retries = 3, .retries_refused = 1},
          .last_problem = "a: timed out",
          .error_kind = "temporary",
          .error = "gave up"};
}

// The first texts in quotes after the calls that log.
Names logged_events() {
  static const std::regex k_call(
      R"re(\b(?:debug|info|warning|announce|progress|write)\(\s*(?:util::)?(?:[^"();]*,\s*)?"([a-z_]+)",)re");
  Names events{"failed",          "file_wrong",   "file_missing",
               "file_unreadable", "file_changed", "status_not_written"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(k_repository / "src")) {
    if (entry.path().extension() == ".cpp") {
      const auto text = nai::test::read_file(entry.path());
      for (std::sregex_iterator it(text.begin(), text.end(), k_call), end; it != end; ++it) {
        events.insert((*it)[1]);
      }
    }
  }
  return events;
}

}  // namespace

TEST_CASE("The reference has every setting, as it is, and no other", "[docs]") {
  std::set<std::vector<std::string>> documented;
  for (const auto& row : rows_of(section("## Settings"))) {
    documented.insert({row.at(1), row.at(2), row.at(4)});
  }
  std::set<std::vector<std::string>> real;
  for (const Setting& setting : settings()) {
    real.insert({in_ticks(setting.variable), in_ticks(setting.flag), in_ticks(setting.preset)});
  }
  CHECK(documented == real);
}

TEST_CASE("The reference has every exit status, and no other", "[docs]") {
  std::set<std::pair<std::string, std::string>> documented;
  for (const auto& row : rows_of(section("## Exit statuses"))) {
    documented.emplace(row.at(1), row.at(2));
  }
  std::set<std::pair<std::string, std::string>> real{{"0", ""}};
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::interrupted); ++kind) {
    const nai::util::Error error(static_cast<ErrorKind>(kind), "x");
    const int signal = error.kind() == ErrorKind::interrupted ? SIGINT : 0;
    real.emplace(std::to_string(describe_failure(error, signal).exit_status),
                 in_ticks(name_of(error.kind())));
  }
  CHECK(documented == real);
}

TEST_CASE("The reference has the fields of progress and summary, and no others", "[docs]") {
  CHECK(named_in("### Progress") ==
        names_of(progress_fields({}, {.left = std::chrono::seconds(1)})));
  CHECK(named_in("### Summary") == names_of(summary_fields({}, std::chrono::seconds(1))));
}

TEST_CASE("The reference has every event of the log, and no other", "[docs]") {
  Names documented;
  for (const auto& row : rows_of(section("## Log events"))) {
    if (row.size() > 4) {  // the tables of fields are narrower
      documented.merge(quoted_in(row.at(1)));
    }
  }
  CHECK(documented == logged_events());
}

TEST_CASE("The reference has the fields of the status file, and no others", "[docs]") {
  const auto document = nlohmann::json::parse(status_document({}, failed_run()));
  Names real;
  for (const auto& [name, value] : document.items()) {
    real.insert(name);
  }
  CHECK(named_in("## Status file") == real);
  CHECK(document["retries_by_cause"] ==
        nlohmann::json({{"connection", 2}, {"refused", 1}, {"rate_limited", 0}}));
  CHECK(document["error"] == nlohmann::json({{"kind", "temporary"}, {"message", "gave up"}}));
  CHECK(document["phase"] == "finished");
  CHECK(document["seconds_left"].is_null());
}

TEST_CASE("The reference has every metric with its type, and no other", "[docs]") {
  std::set<std::pair<std::string, std::string>> documented;
  for (const auto& row : rows_of(section("## Metrics"))) {
    documented.emplace(*quoted_in(row.at(1)).begin(), row.at(2));
  }
  const auto text = metrics_text({.model_name = "a \"b\"\\"}, failed_run());
  static const std::regex k_type("# TYPE ([a-z_]+) ([a-z]+)\n");
  std::set<std::pair<std::string, std::string>> real;
  for (std::sregex_iterator it(text.begin(), text.end(), k_type), end; it != end; ++it) {
    real.emplace((*it)[1], (*it)[2]);
  }
  CHECK(documented == real);
  CHECK(
      text.find("nai_download_retries_total{model=\"a \\\"b\\\"\\\\\",cause=\"connection\"} 2\n") !=
      std::string::npos);
  CHECK(text.find("state=\"failed\"} 1\n") != std::string::npos);
  CHECK(text.find("state=\"running\"} 0\n") != std::string::npos);
}

TEST_CASE("The troubleshooting page has the beginning of every failure's message", "[docs]") {
  const auto page = nai::test::read_file(k_repository / "docs" / "troubleshooting.md");
  Names documented;
  for (const auto& row : rows_of(page.substr(0, page.find("\n## ")))) {
    documented.merge(quoted_in(row.at(1)));
  }
  Names real;
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::interrupted); ++kind) {
    const auto text = describe_failure({static_cast<ErrorKind>(kind), "CAUSE"}, 0).text;
    real.insert(text.substr(0, text.find_first_of(":\n")));
  }
  CHECK(documented == real);
}
