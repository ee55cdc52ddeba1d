// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>

#include "e2e/job.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;

namespace {

mock::Repository small_model() {
  mock::Repository repository;
  repository.id = "org/model";
  repository.add_commit(
      {mock::regular_file("config.json", "{}"),
       mock::lfs_file("model.safetensors", mock::Content::generated(1, 3'000'000))},
      "main");
  return repository;
}

nlohmann::json status_of(const Job& job) {
  return nlohmann::json::parse(read_file(job.mount() / ".nai" / "status.json"));
}

}  // namespace

TEST_CASE("a run leaves its status and its metrics") {
  mock::Registry registry(over_tls());
  registry.add(small_model());
  Job job(registry, "org/model");
  const TemporaryDirectory directory;
  const auto metrics = directory.path() / "nai.prom";
  job.environment["METRICS_FILE"] = metrics.string();
  const auto first = job.run();
  INFO(first.err);
  REQUIRE(first.exit_status == 0);
  CHECK_THAT(first.out, ContainsSubstring("Progress: nothing of it is on the volume yet\n"));
  const auto status = status_of(job);
  CHECK(status["state"] == "complete");
  CHECK(status["files_done"] == 2);
  CHECK(status["bytes_done"] == 3'000'002);
  CHECK(status["model_name"] == job.environment["MODEL_NAME"]);
  CHECK_THAT(read_file(metrics),
             ContainsSubstring("nai_download_received_bytes_total{model=\"" +
                               job.environment["MODEL_NAME"] + "\"} 3000002\n"));

  REQUIRE(job.run().exit_status == 0);
  CHECK(status_of(job)["bytes_received"] == 0);
  CHECK(status_of(job)["bytes_resumed"] == 3'000'002);
}

TEST_CASE("metrics tell of a run that was refused, and nothing is on the volume") {
  mock::Registry registry(over_tls());
  Job job(registry, "org/none");
  const TemporaryDirectory directory;
  const auto metrics = directory.path() / "nai.prom";
  job.environment["METRICS_FILE"] = metrics.string();
  const bool sharded = GENERATE(false, true);
  if (sharded) {
    job.environment["SHARD_COUNT"] = "2";
    job.environment["JOB_COMPLETION_INDEX"] = "0";
  }
  REQUIRE(job.run().exit_status == 3);
  const auto text = read_file(metrics);
  CHECK_THAT(text, ContainsSubstring("state=\"failed\"} 1\n") &&
                       ContainsSubstring("kind=\"unauthorized\"} 1\n"));
  CHECK(std::filesystem::is_empty(job.mount()));
}

TEST_CASE("metrics of a run that loses the volume tell that, and not that it was interrupted") {
  mock::Registry registry(over_tls());
  registry.add(small_model());
  registry.set_fault_hook([](const mock::RequestInfo& request) {
    mock::Fault fault;
    fault.stall_before_head = request.kind == mock::RequestKind::content;
    return fault;
  });
  Job job(registry, "org/model");
  const TemporaryDirectory directory;
  const auto metrics = directory.path() / "nai.prom";
  job.environment["METRICS_FILE"] = metrics.string();
  job.environment["LOCK_DEAD_AFTER"] = "3s";
  auto lease = job.mount() / ".nai/lease";
  if (GENERATE(false, true)) {
    job.environment["SHARD_COUNT"] = "2";
    job.environment["JOB_COMPLETION_INDEX"] = "1";
    lease = job.mount() / ".nai/shards/1.lease";
  }
  const auto process = job.launch();
  REQUIRE(registry.wait_for_request(
      [](const auto& request) { return request.kind == mock::RequestKind::content; },
      std::chrono::seconds(60)));
  std::filesystem::remove(lease);  // not over it: the holder would write over that
  write_file(lease, "somebody else\n");
  const auto result = process->wait();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 8);
  CHECK_THAT(read_file(metrics), ContainsSubstring("state=\"failed\"} 1\n") &&
                                     ContainsSubstring("kind=\"volume_busy\"} 1\n"));
}

TEST_CASE("a status that cannot be written fails nothing") {
  mock::Registry registry(over_tls());
  registry.add(small_model());
  Job job(registry, "org/model");
  job.environment["METRICS_FILE"] = "/nowhere/at/all/nai.prom";
  std::filesystem::create_directories(job.mount() / ".nai" / "status.json" / "in-the-way");
  const auto result = job.run();
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.err, ContainsSubstring("/nowhere/at/all/nai.prom"));
  CHECK_THAT(result.out, ContainsSubstring("## Successfully downloaded model_files\n"));
}
