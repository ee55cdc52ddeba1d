// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <catch2/catch_test_macros.hpp>

#include "app/config.hpp"
#include "app/log.hpp"
#include "app/session.hpp"
#include "app/verify/expectation.hpp"
#include "support/temporary_directory.hpp"

using namespace nai;
using namespace nai::app;

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
