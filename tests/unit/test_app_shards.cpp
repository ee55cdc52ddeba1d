// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <string>

#include <nai/storage/shards.hpp>

#include "app/shard_run.hpp"

using namespace nai;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("A pod that is refused is told in what it differs, and in nothing else", "[app]") {
  const storage::ShardPlan plan{.source = "https://hub/org/model",
                                .requested = "main",
                                .revision = "b308c0f5",
                                .selection = "",
                                .count = 4};
  storage::ShardPlan wanted = plan;
  wanted.revision = "c5";
  std::string words;
  SECTION("the number") {
    wanted.count = 3;
    words = "SHARD_COUNT (--shard-count) is 3, but ";
  }
  SECTION("the model") {
    wanted.source = "https://hub/org/other";
    words = "REPO_ID (--repo-id) is https://hub/org/other, but ";
  }
  SECTION("the revision") {
    wanted.requested = "v2";
    words = "REPO_VERSION (--repo-version) is v2, but ";
  }
  SECTION("no revision") {
    wanted.requested = "";
    words = "REPO_VERSION (--repo-version) is not set, but ";
  }
  SECTION("the patterns") {
    wanted.selection = "*.json";
    words = "ALLOW_PATTERNS (--include) or IGNORE_PATTERNS (--exclude) choose other files, but ";
  }
  SECTION("several") {
    wanted.count = 2;
    wanted.requested = "v2";
    words = "SHARD_COUNT (--shard-count) is 2 and REPO_VERSION (--repo-version) is v2, but ";
  }
  const auto error = app::other_pods_at_work(wanted, plan);
  CHECK(error.kind() == util::ErrorKind::usage);
  const std::string text = error.what();
  CHECK(text.find(words) != std::string::npos);
  CHECK_THAT(text, ContainsSubstring(
                       "but 4 pods are bringing https://hub/org/model (b308c0f5) onto this volume; "
                       "give all pods of a Job the same settings"));
  CHECK(text.substr(text.find(words) + words.size()).starts_with("4 pods"));
}
