// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>
#include <regex>

#include "e2e/job.hpp"

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using namespace nai::test;

namespace {

const std::string k_commit = "0e9e39f249a16976918f6564b8830bc894c89659";

mock::Repository small_model(const std::string& id) {
  mock::Repository repository;
  repository.id = id;
  repository.add_commit(
      {mock::regular_file("config.json", "{\"model_type\": \"llama\"}"),
       mock::lfs_file("model.bin", mock::Content::generated(1, 3'000'000)),
       mock::lfs_file("original/consolidated.00.pth", mock::Content::generated(2, 1'000'000))},
      "main", k_commit);
  return repository;
}

// Without the lines between start and success that are not fixed.
std::string without_progress(const std::string& out) {
  static const std::regex k_progress("(Progress:|Summary:|NAI Monitor:)[^\n]*\n");
  return std::regex_replace(out, k_progress, "");
}

}  // namespace

TEST_CASE("the documented log of a successful import") {
  mock::Registry registry(over_tls());
  registry.add(small_model("meta-llama/Meta-Llama-3.1-8B-Instruct"));
  const Job job(registry, "meta-llama/Meta-Llama-3.1-8B-Instruct");
  const auto result = job.run();
  const std::string mount = job.mount().string();
  INFO(result.err);
  CHECK(result.exit_status == 0);
  CHECK(without_progress(result.out) ==
        "The new directory is created! - " + mount + "/model-files\n" +
            "The new directory is created! - " + mount + "/hf_cache\n" +
            "\n"
            "## Starting model files download from meta-llama/Meta-Llama-3.1-8B-Instruct with "
            "version 0e9e39f249a16976918f6564b8830bc894c89659\n"
            "## Successfully downloaded model_files\n"
            "\n"
            "Deleting directory : " +
            mount + "/hf_cache\n");
  CHECK(result.err.empty());
  CHECK(job.termination_message().empty());
  CHECK(same_content(job.model_file("model.bin"), mock::Content::generated(1, 3'000'000)));
  CHECK_FALSE(std::filesystem::exists(job.mount() / "hf_cache"));
  CHECK_FALSE(std::filesystem::exists(job.model_file("original")));
  CHECK(registry.violations().empty());
}

TEST_CASE("the documented log of a gated repository") {
  mock::Options options = over_tls();
  options.tokens = {{"stranger", "hf_strangerstrangerstranger"}};
  mock::Registry registry(options);
  mock::Repository repository = small_model("google/gemma-2-2b-it");
  repository.gated = true;
  registry.add(repository);
  Job job(registry, "google/gemma-2-2b-it");
  job.environment["REPO_VERSION"] = k_commit;
  job.environment["HF_TOKEN"] = "hf_strangerstrangerstranger\n";
  const auto result = job.run();
  CHECK(result.exit_status == 3);

  static const std::regex k_request_id("Request ID: Root=1-[0-9a-f]{8}-[0-9a-f]{24};[0-9a-f-]{36}");
  const std::string log =
      std::regex_replace(result.out + result.err, k_request_id, "Request ID: Root=1-ID");
  const std::string expected =
      "Token unauthorized to access Hugging Face Repo: 403 Client Error. "
      "(Request ID: Root=1-ID)\n"
      "\n"
      "Cannot access gated repo for url " +
      registry.hub_url() + "/api/models/google/gemma-2-2b-it/commits/" + k_commit +
      ".\n"
      "Access to model google/gemma-2-2b-it is restricted and you are not in the authorized list. "
      "Visit https://huggingface.co/google/gemma-2-2b-it to ask for access.\n";
  CHECK(log == expected);
  CHECK(std::regex_replace(job.termination_message(), k_request_id, "Request ID: Root=1-ID") +
            "\n" ==
        expected);
  CHECK(std::filesystem::is_empty(job.mount()));
}

TEST_CASE("a second run on a complete volume asks for no content") {
  mock::Registry registry(over_tls());
  registry.add(small_model("org/model"));
  const Job job(registry, "org/model");
  REQUIRE(job.run().exit_status == 0);
  registry.clear_log();
  const auto again = job.run();
  CHECK(again.exit_status == 0);
  CHECK_THAT(again.out, ContainsSubstring("## Successfully downloaded model_files\n"));
  CHECK(registry.content_bytes_served() == 0);
  CHECK(registry.requests().size() <= 2);
}

TEST_CASE("a run with another revision fetches only what differs and removes what is gone") {
  mock::Registry registry(over_tls());
  mock::Repository repository = small_model("org/model");
  repository.add_commit({mock::regular_file("config.json", "{\"model_type\": \"llama\", \"v\": 2}"),
                         mock::lfs_file("model.bin", mock::Content::generated(1, 3'000'000)),
                         mock::lfs_file("extra.bin", mock::Content::generated(3, 500'000))},
                        "v2");
  registry.add(repository);
  Job job(registry, "org/model");
  job.environment["REPO_VERSION"] = "v2";
  REQUIRE(job.run().exit_status == 0);
  registry.clear_log();
  job.environment["REPO_VERSION"] = "main";
  REQUIRE(job.run().exit_status == 0);
  CHECK(registry.content_bytes_served() == 23);
  CHECK(read_file(job.model_file("config.json")) == "{\"model_type\": \"llama\"}");
  CHECK(std::filesystem::exists(job.model_file("model.bin")));
  CHECK_FALSE(std::filesystem::exists(job.model_file("extra.bin")));
}
