// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "e2e/job.hpp"
#include "e2e/nim_job.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t k_mb = 1'000'000;

void add_models(mock::NimService& service, std::uint64_t large) {
  for (auto& model : ngc_models(large)) {
    service.add(std::move(model));
  }
}

// Every file of a version as its reader finds it, byte by byte.
void check_version(const NimJob& job, const mock::NgcModel& model,
                   const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    INFO(path);
    const auto found = job.reader().get(model.repository, model.version, path);
    REQUIRE(found);
    const auto file = std::find_if(model.files.begin(), model.files.end(),
                                   [&](const auto& f) { return f.path == path; });
    CHECK(same_content(*found, file->content));
  }
}

// Kills the run several times on the way, then lets it end.
ProcessResult run_with_kills(const NimJob& job, const mock::NimService& service,
                             std::uint64_t total) {
  for (int kill = 1; kill <= 4; ++kill) {
    auto process = job.start();
    REQUIRE(service.wait_for_content_bytes(
        std::max(service.content_bytes_served(), total * static_cast<unsigned>(kill - 1) / 5) +
            total / 10,
        120s));
    process.send_signal(SIGKILL);
    CHECK(process.wait().signal == SIGKILL);
    // A reader finds no repository before it is complete.
    CHECK_FALSE(job.reader().get(k_ngc_model, k_weights_version, "config.json"));
  }
  return job.run();
}

mock::NimServiceOptions paced() {
  mock::NimServiceOptions options;
  options.shaping.connection_bytes_per_second = 10 * k_mb;
  options.cdn_send_buffer_bytes = 64 * 1024;
  return options;
}

}  // namespace

TEST_CASE("nim: an image is resolved, its profiles are told, and nothing is staged") {
  mock::NimService service;
  const std::string digest = service.add(nim_image(manifest_v1()));
  add_models(service, 1000);
  const NimJob job(service);
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.out, ContainsSubstring("The new directory is created! - " +
                                           job.model_files().string() + "\n"));
  CHECK_THAT(result.out,
             ContainsSubstring("\n\n## Starting model files download from " + service.host() + "/" +
                               k_nim_repository + ":1.2.2 with version " + digest + "\n"));
  CHECK_THAT(result.out, ContainsSubstring("vllm-bf16-tp1-pp1 - 5 files - 2.02 kB"));
  CHECK_THAT(result.out, ContainsSubstring("nothing is staged: none was asked for"));
  CHECK_THAT(result.out, ContainsSubstring("## Successfully downloaded model_files\n"));
  CHECK(std::filesystem::is_empty(job.model_files()));
  const auto report = nlohmann::json::parse(read_file(job.report()));
  CHECK(report["platform_digest"] == digest);
  CHECK(report["profiles"].size() == 2);
  CHECK_FALSE(report.contains("environment"));
  CHECK_FALSE(std::filesystem::exists(job.mount() / "hf_cache"));
  CHECK(service.violations().empty());
}

TEST_CASE("nim: a v1 profile of 2 GB is staged over four kills, and its reader finds all of it") {
  mock::NimService service(paced());
  service.add(nim_image(manifest_v1()));
  const std::uint64_t shard = 1'000 * k_mb;
  add_models(service, shard);
  NimJob job(service);
  job.environment["NIM_MODEL_PROFILE"] = "vllm-bf16-tp1-pp1";
  const auto result = run_with_kills(job, service, 2 * shard);
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  check_version(job, ngc_models(shard)[0],
                {"LICENSE.txt", "config.json", "model-00001-of-00002.safetensors",
                 "model-00002-of-00002.safetensors", "extra/notes.txt"});
  const double ratio =
      static_cast<double>(service.content_bytes_served()) / static_cast<double>(2 * shard);
  WARN("served " << ratio << " times the size of the profile");
  CHECK(ratio <= 1.05);
  CHECK(service.violations().empty());

  const auto report = nlohmann::json::parse(read_file(job.report()));
  CHECK(report["environment"]["NIM_MODEL_PROFILE"] == k_generic_profile);
  CHECK(report["environment"]["NIM_CACHE_PATH"] == job.model_files().string());
  REQUIRE(report["files"].size() == 5);
  for (const auto& file : report["files"]) {
    CHECK(file["verified_by"] == "sha256");
  }
  struct stat status {};
  const auto config = job.reader().get(k_ngc_model, k_weights_version, "config.json");
  REQUIRE(::stat(config->c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0644);
  REQUIRE(::stat(config->parent_path().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0755);

  const std::uint64_t served = service.content_bytes_served();
  const auto again = job.run();
  CHECK(again.exit_status == 0);
  CHECK_THAT(again.out, ContainsSubstring("the volume is complete since"));
  CHECK(service.content_bytes_served() - served < 1'000);  // the image's configuration
}

TEST_CASE("nim: a v2 profile of 2 GB is staged over four kills") {
  mock::NimService service(paced());
  service.add(nim_image(manifest_v2()));
  const std::uint64_t shard = 1'000 * k_mb;
  add_models(service, shard);
  NimJob job(service);
  job.environment["GPU_PRODUCT"] = "NVIDIA-A100-SXM4-80GB";
  const auto result = run_with_kills(job, service, 2 * shard);
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.out, ContainsSubstring("it runs on any GPU, and none was made for this one"));
  check_version(job, ngc_models(shard)[0], {"config.json", "model-00001-of-00002.safetensors"});
  check_version(job, ngc_models(shard)[1], {"rank0.engine"});
}

TEST_CASE("nim: another profile replaces what differs, and what leads to it goes first") {
  mock::NimService service;
  service.add(nim_image(manifest_v1()));
  add_models(service, 10'000);
  NimJob job(service);
  job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  REQUIRE(job.run().exit_status == 0);
  job.environment["NIM_MODEL_PROFILE"] = k_engine_profile;
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  check_version(job, ngc_models(10'000)[1], {"LICENSE.txt", "rank0.engine"});
  check_version(job, ngc_models(10'000)[0], {"LICENSE.txt", "config.json"});
  CHECK_FALSE(job.reader().get(k_ngc_model, k_weights_version, "model-00001-of-00002.safetensors"));
  const std::string base = "ngc/hub/models--nim--meta--llama-3_1-8b-instruct/";
  CHECK(listing(job.model_files()) ==
        std::vector<std::string>{
            "huggingface/hub/version.txt", base + "blobs/0355b8d0421a12e6aeb6a2e9ef42ae60",
            base + "blobs/345ce8cb29fb80a99a92360c273d8ed7",
            base + "blobs/3e710a79e58ddecbe63a8dffa7464658-3091", base + "refs/" + k_engine_version,
            base + "refs/" + k_weights_version,
            base + "snapshots/" + k_engine_version +
                "/LICENSE.txt -> ../../blobs/0355b8d0421a12e6aeb6a2e9ef42ae60",
            base + "snapshots/" + k_engine_version +
                "/rank0.engine -> ../../blobs/3e710a79e58ddecbe63a8dffa7464658-3091",
            base + "snapshots/" + k_weights_version +
                "/LICENSE.txt -> ../../blobs/0355b8d0421a12e6aeb6a2e9ef42ae60",
            base + "snapshots/" + k_weights_version +
                "/config.json -> ../../blobs/345ce8cb29fb80a99a92360c273d8ed7"});
  CHECK(std::filesystem::is_directory(job.model_files() / "ngc/hub/tmp"));

  // A link that somebody replaced is made again, without fetching anything.
  const auto link = job.model_files() / (base + "snapshots/" + k_engine_version + "/rank0.engine");
  std::filesystem::remove(link);
  const std::uint64_t served = service.content_bytes_served();
  CHECK(job.run().exit_status == 0);
  CHECK(std::filesystem::exists(link));
  CHECK(service.content_bytes_served() - served < 1'000);
}

TEST_CASE("nim: files of the Hub come into the Hub's part of the cache") {
  mock::NimService service;
  mock::Registry hub(over_tls());
  mock::Repository repository{.id = "meta-llama/Llama-3.1-8B-Instruct"};
  const auto weights = mock::Content::generated(5, 3 * k_mb);
  const std::string commit = repository.add_commit(
      {mock::regular_file("config.json", "{}"), mock::regular_file("README.md", "hello"),
       mock::lfs_file("original/model.safetensors", weights)});
  hub.add(repository);
  service.add(nim_image("schema_version: '2.0'\nprofiles:\n- id: " + k_generic_profile +
                        "\n  tags: {llm_engine: vllm}\n  workspace:\n    files:\n"
                        "      config.json: {uri: 'hf://meta-llama/Llama-3.1-8B-Instruct:main"
                        "?file=config.json'}\n"
                        "      w: {uri: 'hf://meta-llama/Llama-3.1-8B-Instruct:main?file="
                        "original/model.safetensors'}\n"));
  NimJob job(service);
  job.use_hub(hub);
  job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  const HubCacheReader reader(job.model_files() / "huggingface/hub");
  const auto found =
      reader.get("meta-llama/Llama-3.1-8B-Instruct", "main", "original/model.safetensors");
  REQUIRE(found);
  CHECK(same_content(*found, weights));
  CHECK(found->string().find("/snapshots/" + commit + "/") != std::string::npos);
  CHECK(reader.get("meta-llama/Llama-3.1-8B-Instruct", "main", "config.json"));
  CHECK_FALSE(reader.get("meta-llama/Llama-3.1-8B-Instruct", "main", "README.md"));
  CHECK(read_file(job.model_files() / "huggingface/hub/version.txt") == "1");
}

TEST_CASE("nim: a file that nobody published a checksum of is told to be so") {
  mock::NimService service({.org_context_missing = true});
  service.add(nim_image(manifest_v2()));
  add_models(service, 50'000);
  NimJob job(service);
  job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  const auto report = nlohmann::json::parse(read_file(job.report()));
  REQUIRE(report["files"].size() == 3);
  CHECK(report["files"][0]["verified_by"] == "size only: nobody published a checksum");
}

TEST_CASE("nim: what cannot be is refused before anything is asked") {
  mock::NimService service;
  NimJob job(service);
  for (const std::string image : {"nvcr.io/nim/Meta:1", "nvcr.io//x:1", "nvcr.io/nim/x@sha256:12",
                                  "nvcr.io/nim/x:", "nvcr.io/nim/../x", "user:pw@host.io/x:1"}) {
    job.environment["REPO_ID"] = image;
    const auto result = job.run();
    INFO(image << result.err);
    CHECK(result.exit_status == 2);
    CHECK_THAT(result.err, ContainsSubstring("REPO_ID (--repo-id)"));
  }
  service.add(nim_image(manifest_v1()));
  job.environment["REPO_ID"] = service.host() + "/" + k_nim_repository + ":" + k_nim_tag;
  job.environment["NIM_MODEL_PROFILE"] = "vllm-bf16-tp8-pp1";
  const auto unknown = job.run();
  CHECK(unknown.exit_status == 2);
  CHECK_THAT(unknown.err, ContainsSubstring("the image has no such profile; it has"));
  job.environment["NGC_API_KEY"] = "nvapi-\nright";
  CHECK(job.run().exit_status == 2);
}
