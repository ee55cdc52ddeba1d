// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

#include "e2e/job.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t k_mb = 1'000'000;

struct Model {
  std::vector<mock::File> files;

  [[nodiscard]] std::uint64_t size() const {
    std::uint64_t total = 0;
    for (const auto& file : files) {
      total += file.content.size();
    }
    return total;
  }
  [[nodiscard]] bool complete_on(const Job& job) const {
    return std::all_of(files.begin(), files.end(), [&](const mock::File& file) {
      return same_content(job.model_file(file.path), file.content);
    });
  }
};

Model sharded_model(std::uint64_t shard_bytes) {
  Model model;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    model.files.push_back(mock::lfs_file("model-0000" + std::to_string(i) + "-of-00004.safetensors",
                                         mock::Content::generated(i, shard_bytes + i)));
  }
  model.files.push_back(mock::regular_file("config.json", "{}"));
  return model;
}

// Slow enough that the client is never behind, so that what is served is what was received.
mock::Options paced() {
  mock::Options options = over_tls();
  options.shaping.connection_bytes_per_second = 6 * k_mb;
  options.cdn_send_buffer_bytes = 64 * 1024;
  return options;
}

pid_t only_child_of(pid_t parent) {
  const auto id = std::to_string(parent);
  return std::stoi(read_file("/proc/" + id + "/task/" + id + "/children"));
}

}  // namespace

TEST_CASE("after twenty kills the model is right and hardly a byte was fetched twice") {
  mock::Registry registry(paced());
  const Model model = sharded_model(500 * k_mb);
  registry.add(mock::make_repository("org/model", model.files));
  Job job(registry, "org/model");

  std::mt19937 random(20);
  for (int kill = 1; kill <= 20; ++kill) {
    auto process = job.start();
    // The run ends by itself only when all is there; kills are spread over the whole model.
    const std::uint64_t share = model.size() * 9 / 10 / 20;
    REQUIRE(registry.wait_for_content_bytes(
        registry.content_bytes_served() + share / 2 + random() % share, 60s));
    process.send_signal(SIGKILL);
    CHECK(process.wait().signal == SIGKILL);
    // No reader ever sees what was not verified.
    for (const auto& file : model.files) {
      if (std::filesystem::exists(job.model_file(file.path))) {
        REQUIRE(same_content(job.model_file(file.path), file.content));
      }
    }
  }
  const auto last = job.run();
  INFO(last.out << last.err);
  CHECK(last.exit_status == 0);
  CHECK(model.complete_on(job));
  const double ratio =
      static_cast<double>(registry.content_bytes_served()) / static_cast<double>(model.size());
  WARN("served " << ratio << " times the size of the model");
  CHECK(ratio <= 1.05);
}

TEST_CASE("a signal saves the state, and the next run fetches only the rest") {
  for (const auto& [signal, status] : {std::pair{SIGTERM, 143}, std::pair{SIGINT, 130}}) {
    mock::Registry registry(paced());
    const Model model = sharded_model(25 * k_mb);
    registry.add(mock::make_repository("org/model", model.files));
    Job job(registry, "org/model");
    auto process = job.start();
    REQUIRE(registry.wait_for_content_bytes(50 * k_mb, 60s));
    process.send_signal(signal);
    const auto stopped = process.wait();
    CHECK(stopped.exit_status == status);
    CHECK_FALSE(job.termination_message().empty());
    job.environment["CONNECTIONS"] = "5";
    const auto resumed = job.run();
    INFO(resumed.out << resumed.err);
    CHECK(resumed.exit_status == 0);
    CHECK_THAT(resumed.out, ContainsSubstring("resumed"));
    CHECK(model.complete_on(job));
    CHECK(registry.content_bytes_served() < model.size() * 105 / 100);
  }
}

TEST_CASE("a checkpoint for other content is discarded with one line that says why") {
  mock::Registry registry(paced());
  registry.add(mock::make_repository(
      "org/model", {mock::lfs_file("model.bin", mock::Content::generated(1, 100 * k_mb))}));
  const Job job(registry, "org/model");
  {
    auto process = job.start();
    REQUIRE(registry.wait_for_content_bytes(40 * k_mb, 60s));
    process.send_signal(SIGTERM);
    process.wait();
  }
  const auto other = mock::Content::generated(2, 100 * k_mb);
  registry.add(mock::make_repository("org/model", {mock::lfs_file("model.bin", other)}));
  const auto result = job.run();
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.err, ContainsSubstring("discarding the checkpoint of model.bin: it is "
                                           "for other content"));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(same_content(job.model_file("model.bin"), other));
}

// As in a container: signals without a handler would be lost.
TEST_CASE("as process 1 it stops when it is told to, and the next run goes on") {
  if (::geteuid() != 0) {
    SKIP("needs root for a process namespace");
  }
  for (const auto& [signal, status] : {std::pair{SIGTERM, 143}, std::pair{SIGINT, 130}}) {
    mock::Registry registry(paced());
    const Model model = sharded_model(10 * k_mb);
    registry.add(mock::make_repository("org/model", model.files));
    const Job job(registry, "org/model");
    Process parent(
        {"/usr/bin/unshare", "--pid", "--fork", "--kill-child", std::getenv("NAI_BINARY")},
        job.environment);
    REQUIRE(registry.wait_for_content_bytes(20 * k_mb, 60s));
    ::kill(only_child_of(parent.pid()), signal);
    const auto stopped = parent.wait();
    INFO(stopped.out << stopped.err);
    CHECK(stopped.exit_status == status);
    CHECK_FALSE(job.termination_message().empty());
    const auto resumed = job.run();
    CHECK(resumed.exit_status == 0);
    CHECK_THAT(resumed.out, ContainsSubstring("resuming at "));
    CHECK(model.complete_on(job));
  }
}
