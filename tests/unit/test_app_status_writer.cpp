// SPDX-License-Identifier: Apache-2.0
#include "app/status_writer.hpp"

#include <atomic>
#include <cerrno>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <nai/util/error.hpp>

#include "support/temporary_directory.hpp"

namespace {

using namespace nai::app;
namespace test = nai::test;

struct Fixture {
  test::TemporaryDirectory directory;
  std::filesystem::path status = directory.path() / "status.json";
  std::filesystem::path metrics = directory.path() / "nai.prom";
  nai::util::SystemClock clock;
  Console console{{.level = LogLevel::quiet}, clock};
  nai::transfer::Progress progress;
  std::atomic<bool> ours{true};

  StatusFiles files() const {
    return {.status = status, .metrics = metrics, .may_write = [this] { return ours.load(); }};
  }
  nlohmann::json document() const { return nlohmann::json::parse(test::read_file(status)); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "The end of a run is in the status and the metrics", "[app]") {
  StatusWriter writer(files(), {.model_name = "m"}, progress, console, clock);
  progress.files_total = progress.files_done = 1;
  progress.bytes_total = progress.bytes_present = 5;
  writer.finish(RunState::complete);
  CHECK(document()["state"] == "complete");
  CHECK(document()["percent"] == 100.0);
  CHECK(document()["error"].is_null());
  CHECK(test::read_file(metrics).find("nai_download_files_done{model=\"m\"} 1\n") !=
        std::string::npos);
}

TEST_CASE_METHOD(Fixture, "Metrics tell of a run that never gets as far as the volume", "[app]") {
  StatusFiles before = files();
  before.status.clear();
  before.may_write = nullptr;
  StatusWriter writer(before, {.model_name = "m"}, progress, console, clock);
  writer.finish(RunState::failed, "unauthorized", "no");
  const auto text = test::read_file(metrics);
  CHECK(text.find("nai_download_state{model=\"m\",state=\"failed\"} 1\n") != std::string::npos);
  CHECK(text.find("nai_download_failure{model=\"m\",kind=\"unauthorized\"} 1\n") !=
        std::string::npos);
  CHECK_FALSE(std::filesystem::exists(status));
}

TEST_CASE_METHOD(Fixture, "A run that has the volume now tells of itself there", "[app]") {
  StatusFiles before = files();
  before.status.clear();
  StatusWriter writer(before, {.model_name = "m"}, progress, console, clock);
  writer.go_on(files(), {.revision = "r", .model_name = "m"});
  writer.finish(RunState::complete);
  CHECK(document()["revision"] == "r");
  CHECK(test::read_file(metrics).find("revision=\"r\"") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "A run that does not say how it ended has failed", "[app]") {
  { const StatusWriter writer(files(), {}, progress, console, clock); }
  CHECK(document()["state"] == "failed");
  CHECK(document()["error"]["kind"] == "internal");
}

TEST_CASE_METHOD(Fixture, "Who does not hold the volume writes no status", "[app]") {
  ours = false;
  StatusWriter writer(files(), {}, progress, console, clock);
  writer.finish(RunState::complete);
  CHECK_FALSE(std::filesystem::exists(status));
  CHECK(std::filesystem::exists(metrics));
}

TEST_CASE_METHOD(Fixture, "A volume that does not tell whose it is gets no status", "[app]") {
  StatusFiles unknown = files();
  unknown.may_write = []() -> bool { throw nai::util::storage_error("cannot open plan", ESTALE); };
  StatusWriter writer(unknown, {}, progress, console, clock);
  writer.finish(RunState::complete);
  CHECK_FALSE(std::filesystem::exists(status));
  CHECK(std::filesystem::exists(metrics));
}

TEST_CASE_METHOD(Fixture, "A status holds no secret and may be impossible to write", "[app]") {
  console.hide("hf_secret");
  progress.last_problem.set("a: hf_secret refused");
  StatusWriter writer(files(), {}, progress, console, clock);
  writer.finish(RunState::failed, "unauthorized", "no hf_secret");
  CHECK(document()["error"]["kind"] == "unauthorized");
  CHECK(test::read_file(status).find("secret") == std::string::npos);

  StatusFiles nowhere = files();
  nowhere.status = nowhere.metrics = directory.path() / "absent" / "file";
  StatusWriter other(nowhere, {}, progress, console, clock);
  other.finish(RunState::complete);
  CHECK_FALSE(std::filesystem::exists(nowhere.status));
}
