// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include <nai/util/text.hpp>

#include "e2e/job.hpp"
#include "support/mock/loading.hpp"
#include "support/reference.hpp"

using namespace nai::test;

namespace {

// Checks every line against docs/reference.md, and returns the events there were.
std::set<std::string> check_lines(const ProcessResult& result) {
  static const auto k_documented = documented("Events");
  const std::set<std::string> common{"time", "level", "event", "message"};
  std::set<std::string> events;
  const std::string lines = result.out + result.err;
  for (const auto line : nai::util::split(lines, '\n')) {
    if (line.empty()) {
      continue;
    }
    INFO(line);
    const auto object = nlohmann::json::parse(line, nullptr, false);
    REQUIRE(object.is_object());
    const auto event = object.at("event").get<std::string>();
    events.insert(event);
    REQUIRE(k_documented.contains(event));
    for (const auto& member : common) {
      CHECK(object.contains(member));
    }
    for (const auto& [member, value] : object.items()) {
      INFO(member);
      CHECK((common.contains(member) || k_documented.at(event).contains(member)));
    }
  }
  return events;
}

}  // namespace

TEST_CASE("every line of a JSON log is an object with the documented members") {
  mock::Registry registry(over_tls());
  registry.add(mock::make_repository(
      "org/model", {mock::lfs_file("model.safetensors", mock::Content::generated(1, 20'000'000)),
                    mock::regular_file("config.json", "{}"),
                    mock::regular_file("model.bin", "the same in another format")}));
  Job job(registry, "org/model");
  job.environment["LOG_FORMAT"] = "json";
  job.environment["LOG_LEVEL"] = "debug";

  const auto first = check_lines(job.run());
  CHECK(first.contains("download_started"));
  CHECK(first.contains("selected"));
  CHECK(first.contains("skipped"));
  CHECK(first.contains("request"));
  CHECK(first.contains("summary"));
  CHECK(first.contains("directory_deleted"));

  CHECK(check_lines(job.run()).contains("already_complete"));
  CHECK(check_lines(job.run({"resolve", "--files"})).contains("claim"));
  CHECK(check_lines(job.run({"verify"})).contains("verified"));

  job.environment["REPO_ID"] = "org/none";
  const auto refused = job.run();
  CHECK(refused.exit_status == 3);  // to strangers the Hub says the same of a private one
  CHECK(check_lines(refused).contains("failed"));
}
