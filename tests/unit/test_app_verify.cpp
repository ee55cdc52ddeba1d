// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "app/config.hpp"
#include "app/log.hpp"
#include "app/session.hpp"
#include "app/verify/expectation.hpp"
#include "app/verify/report.hpp"
#include "support/fake_source.hpp"
#include "support/temporary_directory.hpp"

using namespace nai;
using namespace nai::app;
using Catch::Matchers::ContainsSubstring;
using transfer::FileVerdict;

TEST_CASE("Whether the record stands that verify compares with", "[app]") {
  const test::TemporaryDirectory directory;
  util::SystemClock clock;
  Console console(OutputConfig{}, clock);
  Session session{.console = console, .clock = clock, .stop = {}};
  const storage::Volume volume(directory.path(), console);
  storage::Record record{
      .source = "s", .revision = "r", .completed_at = "2026-03-01T12:34:56Z", .files = {}};
  std::filesystem::create_directory(volume.layout().state());
  storage::save_record(volume.layout().record(), record);
  const Expectation expected = expected_on(volume, Config{}, session);
  CHECK(expected.authority == "the completion record of 2026-03-01T12:34:56Z");
  CHECK(still_stands(expected, volume, session));
  SECTION("another run replaced it") {
    record.completed_at = "2026-03-01T12:34:57Z";
    storage::save_record(volume.layout().record(), record);
  }
  SECTION("another run set it aside") { std::filesystem::remove(volume.layout().record()); }
  CHECK_FALSE(still_stands(expected, volume, session));
}

TEST_CASE("How verify ends depends on whether anything is known to be wrong", "[app]") {
  const Expectation expected{
      .authority = "the record",
      .source = "s",
      .revision = "r",
      .files = {{"a", 1, test::digest_of("a")}, {"b", 1, test::digest_of("b")}},
      .arrangement = {}};
  VerifyFindings findings{.problems = {{"a", FileVerdict::unreadable, "cannot read a: I/O error"},
                                       {"b", FileVerdict::changed, "other content"}}};
  const auto unknown = failure(findings, expected);
  CHECK(unknown.kind() == util::ErrorKind::storage);
  CHECK_THAT(
      unknown.what(),
      ContainsSubstring("2 of 2 files could not be compared with the record") &&
          ContainsSubstring("a is unreadable, b is changed; the first: cannot read a: I/O error"));
  findings.problems.push_back({"c", FileVerdict::missing, "nothing"});
  CHECK(failure(findings, expected).kind() == util::ErrorKind::content_mismatch);

  findings.problems[0].damaged = {{5, 7}};
  const auto json = nlohmann::json::parse(document(findings, expected));
  CHECK(json.at("problems").at(0).at("damaged").at(0).at("length") == 7);
  CHECK(json.at("problems").at(1).at("state") == "changed");
}
