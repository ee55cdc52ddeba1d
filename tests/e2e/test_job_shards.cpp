// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "e2e/pods.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;
using namespace std::chrono_literals;

namespace {

// A lease of somebody who is alive for as long as nobody takes it away.
class ForeignLease {
 public:
  explicit ForeignLease(std::filesystem::path path) : m_path(std::move(path)) {
    m_thread = std::jthread([this](const std::stop_token& stop) {
      for (int beat = 0; !stop.stop_requested(); ++beat) {
        write_file(m_path, "somebody " + std::to_string(beat) + "\n");
        std::this_thread::sleep_for(100ms);
      }
      std::filesystem::remove(m_path);
    });
  }

 private:
  std::filesystem::path m_path;
  std::jthread m_thread;
};

}  // namespace

TEST_CASE("four pods bring one model, though one of them is killed and started again") {
  Pods pods(paced());
  auto running = pods.start_all();
  REQUIRE(pods.registry().wait_for_content_bytes(100 * k_mb, 60s));
  running[2]->send_signal(SIGKILL);
  CHECK(running[2]->wait().signal == SIGKILL);
  pods.check_visible_files();
  CHECK_FALSE(std::filesystem::exists(pods.job().model_file("large.bin")));
  CHECK_FALSE(std::filesystem::exists(pods.record()));

  running[2] = pods.start(2);
  std::size_t successes = 0;
  for (const auto& pod : running) {
    const auto result = pod->wait();
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    successes += count_of(result.out, k_success);
  }
  CHECK(successes >= 1);
  pods.check_complete();
  WARN("served " << pods.served() << " times the size of the model");
  CHECK(pods.served() <= 1.1);

  // Whoever is started again finds it complete.
  const auto served = pods.registry().content_bytes_served();
  for (const auto& pod : pods.start_all()) {
    const auto result = pod->wait();
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    CHECK_THAT(result.out, ContainsSubstring(std::string(k_success)));
  }
  CHECK(pods.registry().content_bytes_served() == served);
  pods.check_complete();
}

TEST_CASE("one pod alone brings the shards that nobody began") {
  Pods pods(over_tls());
  const auto result = pods.start(1)->wait();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  for (const auto* shard : {"shard 0 (of 0 to 3)", "shard 1 (of 0 to 3)", "shard 3 (of 0 to 3)"}) {
    CHECK_THAT(result.out, ContainsSubstring(shard));
  }
  CHECK_THAT(result.out, ContainsSubstring("verified but for what is shared"));
  CHECK(count_of(result.out, k_success) == 1);
  pods.check_complete();
  CHECK(pods.served() <= 1.01);
}

TEST_CASE("a pod that ends before the others says which shards are to come") {
  Pods pods(paced());
  pods.job().environment["CONNECTIONS"] = "1";
  const auto slow = pods.start(0);
  REQUIRE(becomes_true([&] {
    return std::filesystem::exists(pods.state(0)) && read_file(pods.state(0)) == "working \n";
  }));
  pods.job().environment["CONNECTIONS"] = "64";
  const auto result = pods.start(3)->wait();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.out, ContainsSubstring("## Successfully downloaded shard 3 (of 0 to 3); 1 of 4 "
                                           "to come: 0"));
  CHECK(count_of(result.out, k_success) == 0);
  CHECK_FALSE(std::filesystem::exists(pods.record()));
  CHECK(slow->wait().exit_status == 0);
  pods.check_complete();
}

TEST_CASE("a pod that dies between its last byte and the record is started again and ends it") {
  Pods pods(over_tls());
  std::filesystem::create_directories(pods.job().mount() / ".nai");
  auto running = pods.start_all();
  REQUIRE(becomes_true([&] { return std::filesystem::exists(pods.state(3)); }));
  auto foreign = std::make_unique<ForeignLease>(pods.job().mount() / ".nai/lease");
  REQUIRE(becomes_true([&] { return pods.all_shards_complete(); }));
  for (const auto& pod : running) {
    pod->send_signal(SIGKILL);
    pod->wait();
  }
  CHECK_FALSE(std::filesystem::exists(pods.record()));
  CHECK_FALSE(std::filesystem::exists(pods.job().model_file("large.bin")));
  pods.check_visible_files();

  // Two of them at once: one ends it, the other finds it ended.
  const auto served = pods.registry().content_bytes_served();
  const auto one = pods.start(1);
  const auto other = pods.start(2);
  foreign.reset();
  const auto first = one->wait();
  const auto second = other->wait();
  INFO(first.out << first.err << second.out << second.err);
  CHECK(first.exit_status == 0);
  CHECK(second.exit_status == 0);
  CHECK(count_of(first.out + second.out, "the volume is complete since") <= 1);
  CHECK(count_of(first.out + second.out, k_success) == 2);
  CHECK(pods.registry().content_bytes_served() == served);
  pods.check_complete();
}

TEST_CASE("a pod with another number of shards is refused while the others work") {
  Pods pods(paced());
  pods.job().environment["CONNECTIONS"] = "1";
  const auto running = pods.start_all();
  REQUIRE(pods.registry().wait_for_content_bytes(20 * k_mb, 60s));
  pods.job().environment["SHARD_COUNT"] = "3";
  const auto refused = pods.start(1)->wait();
  INFO(refused.out << refused.err);
  CHECK(refused.exit_status == 2);
  CHECK_THAT(refused.err, ContainsSubstring("SHARD_COUNT (--shard-count) is 3") &&
                              ContainsSubstring("but 4 pods are bringing"));
  for (const auto& pod : running) {
    CHECK(pod->wait().exit_status == 0);
  }
  pods.check_complete();
}

TEST_CASE("pods that come after the branch moved bring the commit of the first") {
  Pods pods(paced());
  auto running = std::vector<std::unique_ptr<Process>>();
  running.push_back(pods.start(0));
  REQUIRE(pods.registry().wait_for_content_bytes(5 * k_mb, 60s));
  auto repository = mock::make_repository("org/model", pods.files());
  const std::string first = repository.refs.at("main");
  repository.add_commit({mock::regular_file("config.json", "{\"newer\": true}")});
  pods.registry().add(std::move(repository));
  for (int index = 1; index < 4; ++index) {
    running.push_back(pods.start(index));
  }
  for (const auto& pod : running) {
    const auto result = pod->wait();
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    CHECK_THAT(result.out, ContainsSubstring("with version " + first));
  }
  pods.check_complete();
  CHECK_THAT(read_file(pods.record()), ContainsSubstring(first));
}

TEST_CASE("shards go on from what a run without shards left") {
  Pods pods(paced());
  pods.job().environment.erase("SHARD_COUNT");
  auto whole = pods.start(0);
  REQUIRE(pods.registry().wait_for_content_bytes(100 * k_mb, 60s));
  whole->send_signal(SIGKILL);
  whole->wait();
  pods.job().environment["SHARD_COUNT"] = "4";
  for (const auto& pod : pods.start_all()) {
    const auto result = pod->wait();
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
  }
  pods.check_complete();
  CHECK(pods.served() <= 1.1);
}

TEST_CASE("a run without shards takes over what dead pods left, and goes on from there") {
  Pods pods(paced());
  auto running = pods.start_all();
  REQUIRE(pods.registry().wait_for_content_bytes(100 * k_mb, 60s));
  for (const auto& pod : running) {
    pod->send_signal(SIGKILL);
    pod->wait();
  }
  pods.job().environment.erase("SHARD_COUNT");
  const auto result = pods.start(0)->wait();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  pods.check_complete();
  CHECK(pods.served() <= 1.1);
}

TEST_CASE("a run without shards stops pods that are at work") {
  Pods pods(paced());
  const bool after_a_dead_run = GENERATE(false, true);
  if (after_a_dead_run) {
    // It died before it told the pods.
    pods.job().environment["CONNECTIONS"] = "1";
  }
  auto running = pods.start_all();
  REQUIRE(pods.registry().wait_for_content_bytes(20 * k_mb, 60s));
  if (after_a_dead_run) {
    write_file(pods.job().mount() / ".nai/lease", "somebody who is dead\n");
    pods.job().environment["CONNECTIONS"] = "16";
  }
  pods.job().environment.erase("SHARD_COUNT");
  const auto whole = pods.start(0);
  for (const auto& pod : running) {
    const auto result = pod->wait();
    INFO(result.out << result.err);
    CHECK(result.exit_status == 8);
    CHECK_THAT(result.err, ContainsSubstring("another run has taken the volume over"));
  }
  const auto result = whole->wait();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  pods.check_complete();
}
