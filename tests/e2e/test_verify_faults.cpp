// SPDX-License-Identifier: Apache-2.0
// verify and its repair on a volume that gives errors, or that they are killed on.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "e2e/job.hpp"
#include "torture/tracer.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;
using nai::torture::Action;
using nai::torture::Call;
using nai::torture::Injection;

namespace {

const mock::Content k_a = mock::Content::generated(1, 400'000);
const mock::Content k_b = mock::Content::generated(2, 300'000);

// A complete volume.
struct Fixture {
  Fixture() {
    registry.add(mock::make_repository(
        "org/model", {mock::lfs_file("a.safetensors", k_a), mock::lfs_file("b.safetensors", k_b),
                      mock::regular_file("config.json", "{}")}));
    REQUIRE(job.run().exit_status == 0);
  }

  [[nodiscard]] nai::torture::TracedResult traced(const std::vector<std::string>& arguments,
                                                  const std::vector<Injection>& injections) const {
    std::vector<std::string> command{std::getenv("NAI_BINARY")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_traced(command, job.environment, injections, std::chrono::seconds(60));
  }
  // As a disk does it: nothing tells of it but the content.
  void damage(const std::string& path) const {
    const auto place = job.model_file(path);
    struct stat before {};
    REQUIRE(::stat(place.c_str(), &before) == 0);
    std::fstream file(place, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(1000);
    file.put('!');
    file.close();
    const timespec times[2] = {before.st_atim, before.st_mtim};
    REQUIRE(::utimensat(AT_FDCWD, place.c_str(), times, 0) == 0);
  }
  [[nodiscard]] bool is_right() const {
    return same_content(job.model_file("a.safetensors"), k_a) &&
           same_content(job.model_file("b.safetensors"), k_b) &&
           read_file(job.model_file("config.json")) == "{}";
  }

  mock::Registry registry{over_tls()};
  Job job{registry, "org/model"};
};

Injection failing_read(int error, std::uint64_t count) {
  return {.calls = {Call::read},
          .path_contains = "model-files/b.safetensors",
          .action = Action::fail,
          .count = count,
          .error = error};
}

}  // namespace

TEST_CASE("verify names a file that cannot be read, and looks at all the others") {
  if (!nai::torture::can_trace()) {
    SKIP("ptrace is not allowed here");
  }
  Fixture f;
  SECTION("an error of the disk") {
    const auto result = f.traced({"verify"}, {failing_read(EIO, Injection::k_all)}).process;
    INFO(result.out << result.err);
    CHECK(result.exit_status == 6);
    CHECK_THAT(result.out, ContainsSubstring("unreadable: b.safetensors: cannot read ") &&
                               ContainsSubstring("Input/output error") &&
                               ContainsSubstring(" - 1 not right\n"));
    CHECK_THAT(f.job.termination_message(), ContainsSubstring("b.safetensors is unreadable"));
  }
  SECTION("not allowed") {
    auto refused = failing_read(EACCES, Injection::k_all);
    refused.calls = {Call::open};
    const auto result = f.traced({"verify"}, {refused}).process;
    INFO(result.out << result.err);
    CHECK(result.exit_status == 6);
    CHECK_THAT(result.out, ContainsSubstring("unreadable: b.safetensors: cannot open ") &&
                               ContainsSubstring("Permission denied"));
  }
  SECTION("and another one is wrong") {
    f.damage("a.safetensors");
    const auto result = f.traced({"verify"}, {failing_read(EIO, Injection::k_all)}).process;
    INFO(result.out << result.err);
    CHECK(result.exit_status == 5);
    CHECK_THAT(result.out, ContainsSubstring("wrong: a.safetensors: found checksum ") &&
                               ContainsSubstring("unreadable: b.safetensors: ") &&
                               ContainsSubstring(" - 2 not right\n"));
  }
  SECTION("but for a moment") {
    const auto result = f.traced({"verify"}, {failing_read(ESTALE, 1)}).process;
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    CHECK_THAT(result.out, ContainsSubstring(" - all right\n"));
  }
  SECTION("the same is mended by a repair") {
    auto once_each = failing_read(EIO, 2);
    const auto result = f.traced({"verify", "--repair"}, {once_each}).process;
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    CHECK_THAT(result.out, ContainsSubstring("removed: b.safetensors\n"));
    CHECK(f.is_right());
  }
}

TEST_CASE("what another client replaced while it was being read is read again") {
  if (!nai::torture::can_trace()) {
    SKIP("ptrace is not allowed here");
  }
  Fixture f;
  const auto stale = [](std::uint64_t count) {
    return Injection{.calls = {Call::read},
                     .path_contains = ".nai/record.json",
                     .action = Action::fail,
                     .count = count,
                     .error = ESTALE};
  };
  SECTION("the second time it is there") {
    const auto result = f.traced({"verify"}, {stale(1)});
    INFO(result.process.out << result.process.err);
    CHECK_FALSE(result.hit.empty());
    CHECK(result.process.exit_status == 0);
    CHECK_THAT(result.process.err, !ContainsSubstring("ignoring"));
  }
  SECTION("but not for ever: then it does without") {
    const auto result = f.traced({"verify"}, {stale(Injection::k_all)}).process;
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    CHECK_THAT(result.err, ContainsSubstring("ignoring the completion record") &&
                               ContainsSubstring("Stale file handle"));
  }
}

TEST_CASE("a file system without direct reads is read the usual way") {
  if (!nai::torture::can_trace()) {
    SKIP("ptrace is not allowed here");
  }
  Fixture f;
  const auto result = f.traced({"verify"}, {failing_read(EINVAL, 1)}).process;
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
}

TEST_CASE("a repair that is killed anywhere leaves nothing wrong that a later run believes") {
  if (!nai::torture::can_trace()) {
    SKIP("ptrace is not allowed here");
  }
  const bool after = GENERATE(false, true);
  const bool repaired_again = after;
  std::size_t kills = 0;
  for (std::uint64_t at = 1;; ++at) {
    Fixture f;
    f.damage("a.safetensors");
    f.damage("b.safetensors");
    const auto result = f.traced({"verify", "--repair"},
                                 {{.calls = {Call::rename, Call::unlink, Call::create},
                                   .below = f.job.mount().string(),
                                   .action = after ? Action::kill_after : Action::kill_before,
                                   .first = at}});
    INFO(at << ": " << result.hit << "\n" << result.process.out << result.process.err);
    if (result.hit.empty()) {
      CHECK(result.process.exit_status == 0);
      break;
    }
    ++kills;
    const bool complete = std::filesystem::exists(f.job.mount() / ".nai/record.json");
    // The repair itself had not begun, or was over.
    if (complete && !f.is_right()) {
      const auto found = f.job.run({"verify"});
      CHECK(found.exit_status == 5);
      continue;
    }
    const auto next = repaired_again ? f.job.run({"verify", "--repair"}) : f.job.run();
    INFO(next.out << next.err);
    CHECK(next.exit_status == 0);
    CHECK(f.is_right());
  }
  CHECK(kills > 10);
}

TEST_CASE("a record that cannot be used is told, and the source is asked instead") {
  Fixture f;
  write_file(f.job.mount() / ".nai/record.json", "{\"format\": 1, \"files\": [{\"path\": \"..");
  auto result = f.job.run({"verify"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.err, ContainsSubstring("ignoring the completion record "));
  CHECK_THAT(result.out, ContainsSubstring("against what the source lists"));
  f.damage("a.safetensors");
  CHECK(f.job.run({"verify", "--repair"}).exit_status == 0);
  CHECK(f.is_right());

  write_file(f.job.mount() / ".nai/record.json", "");
  f.job.environment["REPO_ID"] = "";
  result = f.job.run({"verify"});
  CHECK(result.exit_status == 2);
  CHECK_THAT(f.job.termination_message(),
             ContainsSubstring("the completion record on the volume cannot be used"));
}

TEST_CASE("a repair believes no note of an interrupted download either") {
  Fixture f;
  // As if the download had been killed just before it wrote the record.
  const auto record = nlohmann::json::parse(read_file(f.job.mount() / ".nai/record.json"));
  std::string log;
  for (const auto& file : record.at("files")) {
    log += file.dump() + "\n";
  }
  write_file(f.job.mount() / "hf_cache/work/published", log);
  std::filesystem::remove(f.job.mount() / ".nai/record.json");
  f.damage("a.safetensors");
  f.registry.down(mock::Host::cdn);
  f.job.environment["MAX_RETRIES"] = "0";
  CHECK(f.job.run({"verify", "--repair", "--against-source"}).exit_status == 75);
  f.registry.up(mock::Host::cdn);
  CHECK(f.job.run().exit_status == 0);
  CHECK(f.is_right());
}

TEST_CASE("a repair that loses the volume says so and removes nothing") {
  Fixture f;
  f.damage("a.safetensors");
  f.job.environment["LOCK_DEAD_AFTER"] = "3s";
  f.registry.set_fault_hook([](const mock::RequestInfo&) {
    mock::Fault fault;
    fault.stall_before_head = true;
    return fault;
  });
  f.registry.clear_log();
  auto repair = f.job.start({"verify", "--repair", "--against-source"});
  REQUIRE(f.registry.wait_for_request([](const auto&) { return true; }, std::chrono::seconds(60)));
  const auto lease = f.job.mount() / ".nai/lease";
  std::filesystem::remove(lease);  // not over it: the holder would write over that
  write_file(lease, "somebody else\n");
  const auto result = repair.wait();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 8);
  CHECK_THAT(f.job.termination_message(),
             ContainsSubstring("another one may have taken the volume"));
  CHECK(std::filesystem::exists(f.job.model_file("a.safetensors")));
  CHECK(std::filesystem::exists(f.job.mount() / ".nai/record.json"));
}

TEST_CASE("a repair of a volume with a hub cache fetches only what is damaged") {
  mock::Registry registry(over_tls());
  const auto weights = mock::Content::generated(7, 100'000'000);
  registry.add(mock::make_repository("org/large", {mock::lfs_file("model.safetensors", weights)}));
  Job job(registry, "org/large");
  job.environment["KEEP_HF_CACHE"] = "true";
  REQUIRE(job.run().exit_status == 0);
  const auto place = job.model_file("model.safetensors");
  struct stat before {};
  REQUIRE(::stat(place.c_str(), &before) == 0);
  {
    std::fstream file(place, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(50'000'000);
    file.put('!');
  }
  registry.clear_log();
  const auto result = job.run({"verify", "--repair"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK(registry.content_bytes_served() < 20'000'000);
  CHECK(same_content(place, weights));
  const auto blob = job.mount() / "hf_cache/models--org--large/blobs" / weights.sha256();
  CHECK(std::filesystem::equivalent(place, blob));
}
