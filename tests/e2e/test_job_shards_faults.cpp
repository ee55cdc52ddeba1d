// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "e2e/pods.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;
using namespace std::chrono_literals;

namespace {

void kill_all(const std::vector<std::unique_ptr<Process>>& pods) {
  for (const auto& pod : pods) {
    pod->send_signal(SIGKILL);
    pod->wait();
  }
}

// Whether the record is still the same file: it is never written in place.
ino_t record_of(const Pods& pods) {
  struct stat status {};
  REQUIRE(::stat(pods.record().c_str(), &status) == 0);
  return status.st_ino;
}

}  // namespace

TEST_CASE("pods of another number go on from what dead ones left") {
  Pods pods(paced());
  const auto dead = pods.start_all();
  REQUIRE(pods.registry().wait_for_content_bytes(100 * k_mb, 60s));
  kill_all(dead);
  const bool fewer = GENERATE(true, false);
  const int count = fewer ? 2 : 7;
  pods.job().environment["SHARD_COUNT"] = std::to_string(count);
  pods.job().environment["CONNECTIONS"] = "8";
  std::vector<std::unique_ptr<Process>> running;
  for (int index = 0; index < count; ++index) {
    running.push_back(pods.start(index));
  }
  for (const auto& pod : running) {
    const auto result = pod->wait();
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
  }
  pods.check_complete();
  CHECK(pods.served() <= 1.1);
}

TEST_CASE("pods that start after all others died bring what the branch is now") {
  Pods pods(paced());
  const auto dead = pods.start_all();
  REQUIRE(pods.registry().wait_for_content_bytes(50 * k_mb, 60s));
  kill_all(dead);
  // The first commit is not to be had any more, as after a forced push.
  auto files = pods.files();
  files.back() = mock::regular_file("config.json", "{\"newer\": true}");
  pods.registry().add(mock::make_repository("org/model", files));
  for (const auto& pod : pods.start_all()) {
    const auto result = pod->wait();
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
  }
  for (const auto& file : files) {
    CHECK(same_content(pods.job().model_file(file.path), file.content));
  }
  CHECK(std::filesystem::exists(pods.record()));
  CHECK(pods.served() <= 1.1);
}

TEST_CASE("a pod that waited for a run without shards finds the volume complete") {
  Pods pods(paced());
  pods.job().environment.erase("SHARD_COUNT");
  const auto whole = pods.start(0);
  REQUIRE(pods.registry().wait_for_content_bytes(20 * k_mb, 60s));
  pods.job().environment["SHARD_COUNT"] = "4";
  const auto waiting = pods.start(2);
  REQUIRE(waiting->says("waiting for the volume"));
  CHECK(whole->wait().exit_status == 0);
  const auto record = record_of(pods);
  const auto served = pods.registry().content_bytes_served();
  const auto result = waiting->wait();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.out, ContainsSubstring("the volume is complete since") &&
                             ContainsSubstring(std::string(k_success)) &&
                             !ContainsSubstring("shard 2 (of 0 to 3)"));
  CHECK(record_of(pods) == record);
  CHECK(pods.registry().content_bytes_served() == served);
  pods.check_complete();
}

TEST_CASE("a pod that is told to stop while it waits for its shard stops") {
  Pods pods(paced());
  const auto first = pods.start(0);
  REQUIRE(becomes_true([&] {
    return std::filesystem::exists(pods.state(0)) && read_file(pods.state(0)) == "working \n";
  }));
  const auto second = pods.start(0);
  REQUIRE(second->says("waiting for shard 0, which is in use by "));
  second->send_signal(SIGTERM);
  const auto result = second->wait();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 143);
  CHECK_THAT(result.err, ContainsSubstring("Interrupted"));
  CHECK(first->wait().exit_status == 0);
  pods.check_complete();
}

TEST_CASE("a pod that wakes up after its shard was taken over spoils nothing") {
  Pods pods(paced());
  auto running = pods.start_all();
  REQUIRE(pods.registry().wait_for_content_bytes(60 * k_mb, 60s));
  running[1]->send_signal(SIGSTOP);
  const auto successor = pods.start(1);
  CHECK(successor->wait().exit_status == 0);
  for (const int index : {0, 2, 3}) {
    CHECK(running[index]->wait().exit_status == 0);
  }
  pods.check_complete();
  const auto record = record_of(pods);
  running[1]->send_signal(SIGCONT);
  const auto result = running[1]->wait();
  INFO(result.out << result.err);
  CHECK((result.exit_status == 0 || result.exit_status == 8));
  CHECK(record_of(pods) == record);
  pods.check_complete();
}

TEST_CASE("a pod that wakes up under another plan leaves that alone") {
  Pods pods(paced());
  pods.job().environment["CONNECTIONS"] = "1";
  auto paused = pods.start(0);
  REQUIRE(pods.registry().wait_for_content_bytes(10 * k_mb, 60s));
  paused->send_signal(SIGSTOP);
  pods.job().environment["SHARD_COUNT"] = "2";
  pods.job().environment["CONNECTIONS"] = "8";
  const auto one = pods.start(0);
  const auto other = pods.start(1);
  REQUIRE(becomes_true([&] {
    return std::filesystem::exists(pods.state(1)) && !std::filesystem::exists(pods.state(2)) &&
           read_file(pods.state(0)) == "working \n";
  }));
  paused->send_signal(SIGCONT);
  const auto result = paused->wait();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 8);
  CHECK(one->wait().exit_status == 0);
  CHECK(other->wait().exit_status == 0);
  pods.check_complete();
}

TEST_CASE("a volume whose work was removed by hand is brought all the same") {
  Pods pods(paced());
  const auto dead = pods.start_all();
  REQUIRE(pods.registry().wait_for_content_bytes(20 * k_mb, 60s));
  kill_all(dead);
  std::filesystem::remove_all(pods.job().mount() / "hf_cache");
  pods.job().environment["CONNECTIONS"] = "16";
  for (const auto& pod : pods.start_all()) {
    const auto result = pod->wait();
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
  }
  pods.check_complete();
}
