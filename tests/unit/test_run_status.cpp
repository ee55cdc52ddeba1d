// SPDX-License-Identifier: Apache-2.0
// Holds what docs/reference.md says of the status file and of the metrics to what is written.
#include <map>
#include <regex>
#include <set>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "app/run_status.hpp"
#include "support/reference.hpp"

namespace {

using namespace nai::app;
using nai::test::documented;

RunStatus failed_run() {
  return {.state = RunState::failed,
          .progress = {.files_total = 2, .bytes_total = 10, .retries = 3, .retries_refused = 1},
          .last_problem = "a: timed out",
          .error_kind = "temporary",
          .error = "gave up"};
}

}  // namespace

TEST_CASE("The reference has the fields of the status file, and no others", "[docs]") {
  const auto document = nlohmann::json::parse(status_document({}, failed_run()));
  std::set<std::string> real;
  for (const auto& [name, value] : document.items()) {
    real.insert(name);
  }
  std::set<std::string> told;
  for (const auto& [name, names] : documented("Status file")) {
    told.insert(name);
  }
  CHECK(told == real);
  CHECK(document["retries_by_cause"] ==
        nlohmann::json({{"connection", 2}, {"refused", 1}, {"rate_limited", 0}}));
  CHECK(document["error"] == nlohmann::json({{"kind", "temporary"}, {"message", "gave up"}}));
  CHECK(document["phase"] == "finished");
  CHECK(document["seconds_left"].is_null());
}

TEST_CASE("The reference has every metric with its type, and no other", "[docs]") {
  const auto text = metrics_text({.model_name = "a \"b\"\\"}, failed_run());
  static const std::regex k_type("# TYPE ([a-z_]+) ([a-z]+)\n");
  std::map<std::string, std::set<std::string>> real;
  for (std::sregex_iterator it(text.begin(), text.end(), k_type), end; it != end; ++it) {
    real[(*it)[1]].insert((*it)[2]);
  }
  CHECK(documented("Metrics") == real);
  CHECK(
      text.find("nai_download_retries_total{model=\"a \\\"b\\\"\\\\\",cause=\"connection\"} 2\n") !=
      std::string::npos);
  CHECK(text.find("state=\"failed\"} 1\n") != std::string::npos);
  CHECK(text.find("state=\"running\"} 0\n") != std::string::npos);
}
