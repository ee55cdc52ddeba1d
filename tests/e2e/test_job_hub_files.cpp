// SPDX-License-Identifier: Apache-2.0
// What Hugging Face's own tools find after a run, and what a run makes of what they left.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include <nai/digest/digest.hpp>
#include <nai/storage/layout.hpp>

#include "e2e/job.hpp"
#include "support/safetensors.hpp"
#include "torture/tracer.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;
namespace fs = std::filesystem;

namespace {

const mock::Content k_weights = mock::Content::inline_bytes(safetensors_file(
    R"({"a":{"dtype":"U8","shape":[12000000],"data_offsets":[0,12000000]}})", 12'000'000));
const mock::Content k_more = mock::Content::inline_bytes(safetensors_file(
    R"({"b":{"dtype":"U8","shape":[3000000],"data_offsets":[0,3000000]}})", 3'000'000));
const std::string k_config = R"({"architectures": ["Mock"]})";

std::vector<mock::File> model_files() {
  return {mock::lfs_file("a.safetensors", k_weights), mock::lfs_file("sub/b.safetensors", k_more),
          mock::regular_file("config.json", k_config)};
}

struct Bench {
  Bench() { repository.id = "org/model"; }

  // Adds a commit and serves it.
  std::string commit(std::vector<mock::File> files) {
    auto id = repository.add_commit(std::move(files));
    registry.add(repository);
    return id;
  }
  [[nodiscard]] std::string sha1_of_config() const {
    return repository.commits.front().find("config.json")->shown_id();
  }
  // Requests that lead to content.
  [[nodiscard]] std::size_t content_requests() const {
    return registry.request_count(mock::RequestKind::content) +
           registry.request_count(mock::RequestKind::resolve) +
           registry.request_count(mock::RequestKind::resolve_cache);
  }
  void expect_complete(const Job& job) const {
    CHECK(same_content(job.model_file("a.safetensors"), k_weights));
    CHECK(same_content(job.model_file("sub/b.safetensors"), k_more));
    CHECK(read_file(job.model_file("config.json")) == k_config);
    for (const auto* path : {"a.safetensors", "sub/b.safetensors", "config.json"}) {
      CHECK(fs::symlink_status(job.model_file(path)).type() == fs::file_type::regular);
    }
  }

  mock::Registry registry{over_tls()};
  mock::Repository repository;
};

void put(const fs::path& path, const mock::Content& content, std::uint64_t length) {
  std::string bytes(length, '\0');
  content.read(0, bytes);
  write_file(path, bytes);
}

void put(const fs::path& path, const mock::Content& content) { put(path, content, content.size()); }

// The third line of metadata is not earlier than the file, whatever the clocks of client and
// server say.
bool is_up_to_date(const Job& job, const std::string& path, const std::string& commit,
                   const std::string& tag) {
  const auto text = read_file(job.model_file(".cache/huggingface/download/" + path + ".metadata"));
  const auto start = commit + "\n" + tag + "\n";
  struct stat status {};
  return text.starts_with(start) && ::stat(job.model_file(path).c_str(), &status) == 0 &&
         std::stod(text.substr(start.size())) >= static_cast<double>(status.st_mtim.tv_sec);
}

nlohmann::json record_of(const Job& job) {
  return nlohmann::json::parse(read_file(job.mount() / ".nai/record.json"));
}

}  // namespace

TEST_CASE("after a download, model-files is an up-to-date local_dir of huggingface_hub") {
  Bench bench;
  const auto commit = bench.commit(model_files());
  Job job(bench.registry, "org/model");
  const auto result = job.run();
  INFO(result.out << result.err);
  REQUIRE(result.exit_status == 0);
  CHECK(result.err.empty());
  CHECK(is_up_to_date(job, "a.safetensors", commit, k_weights.sha256()));
  CHECK(is_up_to_date(job, "sub/b.safetensors", commit, k_more.sha256()));
  CHECK(is_up_to_date(job, "config.json", commit, bench.sha1_of_config()));
  CHECK_FALSE(fs::exists(job.mount() / "hf_cache"));
  // It is no part of the model: not of its size, and nothing that verify would call extra.
  CHECK_THAT(result.out, ContainsSubstring("directory size: 15.00MB"));
  CHECK(nlohmann::json::parse(job.run({"verify", "--json"}).out).at("extra").empty());

  SECTION("again, after somebody removed it") {
    fs::remove_all(job.model_file(".cache"));
    fs::remove_all(job.model_file(".huggingface"));
    REQUIRE(job.run().exit_status == 0);
    CHECK(is_up_to_date(job, "config.json", commit, bench.sha1_of_config()));
  }
  SECTION("also of the next commit, which has a file less") {
    const auto next = bench.commit({mock::lfs_file("a.safetensors", k_weights)});
    REQUIRE(job.run().exit_status == 0);
    CHECK(is_up_to_date(job, "a.safetensors", next, k_weights.sha256()));
    CHECK_FALSE(fs::exists(job.model_file(".cache/huggingface/download/config.json.metadata")));
  }
}

TEST_CASE("no metadata where it is not wanted, and a warning where it cannot be written") {
  Bench bench;
  bench.commit(model_files());
  Job job(bench.registry, "org/model");
  SECTION("not wanted") {
    job.environment["HF_LOCAL_METADATA"] = "false";
    const auto result = job.run();
    CHECK(result.exit_status == 0);
    CHECK(result.err.empty());
    CHECK_FALSE(fs::exists(job.model_file(".cache")));
    CHECK_FALSE(fs::exists(job.model_file(".huggingface")));
  }
  SECTION("something in the way") {
    write_file(job.model_file(".cache"), "a file");
    const auto result = job.run();
    CHECK(result.exit_status == 0);
    CHECK_THAT(result.err, ContainsSubstring(".cache") && ContainsSubstring("local_dir"));
    CHECK(read_file(job.model_file(".cache")) == "a file");
  }
}

TEST_CASE("KEEP_HF_CACHE leaves a hub cache that shares the bytes") {
  Bench bench;
  const auto commit = bench.commit(model_files());
  Job job(bench.registry, "org/model");
  job.environment["KEEP_HF_CACHE"] = "true";
  const auto result = job.run();
  INFO(result.out << result.err);
  REQUIRE(result.exit_status == 0);
  CHECK_THAT(
      result.out,
      ContainsSubstring("\nKeeping directory : " + (job.mount() / "hf_cache").string() + "\n"));
  const auto cache = job.mount() / "hf_cache/models--org--model";
  CHECK(std::distance(fs::directory_iterator(job.mount() / "hf_cache"), {}) == 1);
  CHECK(read_file(cache / "refs/main") == commit);
  for (const auto* path : {"a.safetensors", "sub/b.safetensors", "config.json"}) {
    CHECK(fs::equivalent(cache / "snapshots" / commit / path, job.model_file(path)));
  }

  SECTION("and the next run fetches nothing and leaves it") {
    bench.registry.clear_log();
    REQUIRE(job.run().exit_status == 0);
    CHECK(bench.content_requests() == 0);
    CHECK(fs::exists(cache / "snapshots" / commit / "config.json"));
  }
  SECTION("also when it is asked for later") {
    fs::remove_all(job.mount() / "hf_cache");
    bench.registry.clear_log();
    REQUIRE(job.run().exit_status == 0);
    CHECK(bench.content_requests() == 0);
    CHECK(fs::exists(cache / "snapshots" / commit / "config.json"));
  }
  SECTION("of the newest commit only") {
    const auto next = bench.commit({mock::lfs_file("a.safetensors", k_more)});
    REQUIRE(job.run().exit_status == 0);
    CHECK(read_file(cache / "refs/main") == next);
    CHECK(std::distance(fs::directory_iterator(cache / "snapshots"), {}) == 1);
    CHECK(std::distance(fs::directory_iterator(cache / "blobs"), {}) == 1);
    CHECK(fs::equivalent(cache / "snapshots" / next / "a.safetensors",
                         job.model_file("a.safetensors")));
  }
  SECTION("and a repair mends it too") {
    put(job.model_file("a.safetensors"), k_more);  // the blob's bytes as well
    CHECK(job.run({"verify", "--repair"}).exit_status == 0);
    bench.expect_complete(job);
    CHECK(same_content(cache / "snapshots" / commit / "a.safetensors", k_weights));
  }
  SECTION("until it is not wanted any more") {
    job.environment["KEEP_HF_CACHE"] = "false";
    REQUIRE(job.run().exit_status == 0);
    CHECK_FALSE(fs::exists(job.mount() / "hf_cache"));
    bench.expect_complete(job);
  }
}

TEST_CASE("a volume that huggingface_hub filled is taken over without fetching content") {
  Bench bench;
  const auto commit = bench.commit(model_files());
  Job job(bench.registry, "org/model");
  const auto fill_cache = [&](const fs::path& root) {
    const auto repository = root / "models--org--model";
    const auto sha1 = bench.sha1_of_config();
    put(repository / "blobs" / k_weights.sha256(), k_weights);
    put(repository / "blobs" / k_more.sha256(), k_more);
    write_file(repository / "blobs" / sha1, k_config);
    const auto snapshot = repository / "snapshots" / commit;
    fs::create_directories(snapshot / "sub");
    fs::create_symlink("../../blobs/" + k_weights.sha256(), snapshot / "a.safetensors");
    fs::create_symlink("../../../blobs/" + k_more.sha256(), snapshot / "sub/b.safetensors");
    fs::create_symlink("../../blobs/" + sha1, snapshot / "config.json");
    write_file(repository / "refs/main", commit);
  };
  SECTION("as a local_dir") {
    put(job.model_file("a.safetensors"), k_weights);
    put(job.model_file("sub/b.safetensors"), k_more);
    write_file(job.model_file("config.json"), k_config);
    write_file(job.model_file(".cache/huggingface/download/config.json.metadata"), "x\ny\n1\n");
  }
  SECTION("as a hub cache in hf_cache") { fill_cache(job.mount() / "hf_cache"); }
  SECTION("with HF_HOME at hf_cache") { fill_cache(job.mount() / "hf_cache/hub"); }
  SECTION("as a hub cache on the volume") { fill_cache(job.mount()); }
  SECTION("as a hub cache that model-files has links to") {
    fill_cache(job.mount() / "hf_cache");
    const fs::path snapshot = "../hf_cache/models--org--model/snapshots/" + commit;
    fs::create_directories(job.model_file("sub"));
    fs::create_symlink(snapshot / "a.safetensors", job.model_file("a.safetensors"));
    fs::create_symlink(".." / snapshot / "sub/b.safetensors", job.model_file("sub/b.safetensors"));
    fs::create_symlink(snapshot / "config.json", job.model_file("config.json"));
  }
  SECTION("of files without links, because symbolic ones were switched off") {
    const auto snapshot = job.mount() / "hf_cache/models--org--model/snapshots" / commit;
    put(snapshot / "a.safetensors", k_weights);
    put(snapshot / "sub/b.safetensors", k_more);
    write_file(snapshot / "config.json", k_config);
  }
  SECTION("and not given its last name") {
    const auto blobs = job.mount() / "hf_cache/models--org--model/blobs";
    put(blobs / (k_weights.sha256() + ".incomplete"), k_weights);
    put(blobs / (k_more.sha256() + ".89abcdef.incomplete"), k_more);
    write_file(job.model_file(".cache/huggingface/download/Ab_-=." + bench.sha1_of_config() +
                              ".incomplete"),
               k_config);
  }
  SECTION("and had no name but that of a run that was killed while it looked at it") {
    const nai::storage::Layout layout(job.mount());
    const auto name = [&](const std::string& path, const std::string& digest) {
      return layout.borrowed(path, nai::digest::Digest::parse(digest).value());
    };
    put(name("a.safetensors", "sha256:" + k_weights.sha256()), k_weights);
    put(name("sub/b.safetensors", "sha256:" + k_more.sha256()), k_more);
    write_file(name("config.json", "git-sha1:" + bench.sha1_of_config()), k_config);
    job.environment["LOCK_DEAD_AFTER"] = "2s";
  }
  const auto result = job.run();
  INFO(result.out << result.err);
  REQUIRE(result.exit_status == 0);
  bench.expect_complete(job);
  CHECK(bench.content_requests() == 0);
  CHECK(bench.registry.content_bytes_served() == 0);
  CHECK_FALSE(fs::exists(job.mount() / "hf_cache"));
  CHECK(is_up_to_date(job, "config.json", commit, bench.sha1_of_config()));
  CHECK(job.run({"verify"}).exit_status == 0);
}

TEST_CASE(
    "of a volume that huggingface_hub half filled, only what is missing or wrong is fetched") {
  Bench bench;
  bench.commit(model_files());
  Job job(bench.registry, "org/model");
  const auto blobs = job.mount() / "hf_cache/models--org--model/blobs";
  put(blobs / k_weights.sha256(), k_weights);
  SECTION("a half") { put(blobs / (k_more.sha256() + ".incomplete"), k_more, 2'000'000); }
  SECTION("a hole") {
    put(blobs / (k_more.sha256() + ".incomplete"), k_more, 2'000'000);
    fs::resize_file(blobs / (k_more.sha256() + ".incomplete"), k_more.size());
  }
  SECTION("a flipped bit in what looks complete") {
    std::string bytes(k_more.size(), '\0');
    k_more.read(0, bytes);
    bytes[1'234'567] ^= 0x10;
    write_file(blobs / k_more.sha256(), bytes);
  }
  const auto result = job.run();
  INFO(result.out << result.err);
  REQUIRE(result.exit_status == 0);
  bench.expect_complete(job);
  for (const auto& request : bench.registry.requests()) {
    CHECK(request.file != "a.safetensors");
  }
  CHECK(bench.registry.content_bytes_served() == k_more.size() + k_config.size());
}

TEST_CASE("a model that is broken where checksums cannot tell is told about, and no failure") {
  Bench bench;
  auto files = model_files();
  files.push_back(
      mock::lfs_file("broken.safetensors", mock::Content::inline_bytes("<html>not found</html>")));
  files.push_back(mock::regular_file("tokenizer.json", "{"));
  files.push_back(
      mock::regular_file("model.safetensors.index.json",
                         R"({"weight_map":{"a":"a.safetensors","c":"c.safetensors"}})"));
  bench.commit(std::move(files));
  Job job(bench.registry, "org/model");
  for (int run = 0; run < 2; ++run) {  // the second has only the record to tell it from
    const auto result = job.run();
    INFO(result.out << result.err);
    REQUIRE(result.exit_status == 0);
    CHECK_THAT(result.err,
               ContainsSubstring("broken.safetensors says that its header has ") &&
                   ContainsSubstring("tokenizer.json is no valid JSON at byte 2") &&
                   ContainsSubstring("model.safetensors.index.json names c.safetensors, which the "
                                     "model does not have"));
    CHECK(job.termination_message().empty());
  }
  const auto findings = record_of(job).at("findings");
  REQUIRE(findings.size() == 3);
  CHECK(findings.at(0).at("path") == "broken.safetensors");
}

TEST_CASE("a file that somebody else put in place is made durable before it counts as ours") {
  if (!nai::torture::can_trace()) {
    SKIP("ptrace is not allowed here");
  }
  mock::Registry registry(over_tls());
  const auto weights = mock::Content::generated(1, 400'000);
  registry.add(mock::make_repository("org/model", {mock::lfs_file("a.safetensors", weights)}));
  const Job job(registry, "org/model");
  REQUIRE(job.run().exit_status == 0);
  std::filesystem::remove_all(job.mount() / ".nai");
  registry.clear_log();
  const auto traced = nai::torture::run_traced(
      {std::getenv("NAI_BINARY")}, job.environment,
      {{.calls = {nai::torture::Call::sync}, .path_contains = "model-files/a.safetensors"}},
      std::chrono::seconds(60));
  INFO(traced.process.out << traced.process.err);
  CHECK(traced.process.exit_status == 0);
  CHECK(registry.content_bytes_served() == 0);
  CHECK(traced.calls.at(0).size() == 1);
}
