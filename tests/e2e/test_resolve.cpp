// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "e2e/job.hpp"
#include "e2e/nim_job.hpp"
#include "support/mock/loading.hpp"

#include <source/nim/yaml.hpp>

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;

namespace {

// The variables of the Job in what `resolve --kubernetes` printed, without those of the Secret.
Process::Environment variables_in(const ProcessResult& result) {
  INFO(result.out << result.err);
  REQUIRE(result.exit_status == 0);
  const auto separator = result.out.find("---\n");
  REQUIRE(separator != std::string::npos);
  std::string problem;
  const auto job = nai::source::YamlDocument::parse(result.out.substr(separator + 4), problem);
  REQUIRE(job);
  const auto* pod = job->root().find("spec")->find("template")->find("spec");
  Process::Environment variables;
  for (const auto* variable : pod->find("containers")->items.at(0)->find("env")->items) {
    if (variable->find("value") != nullptr) {
      variables[variable->text("name")] = variable->text("value");
    }
  }
  return variables;
}

}  // namespace

TEST_CASE("resolve tells commit, files and volume, and fetches nothing") {
  mock::Registry registry(over_tls());
  auto model = mock::make_repository(
      "org/model", {mock::lfs_file("a.safetensors", mock::Content::generated(1, 30'000'000)),
                    mock::lfs_file("a.bin", mock::Content::generated(2, 1'000'000)),
                    mock::regular_file("config.json", "{}")});
  const std::string commit = model.commits.at(0).id;
  registry.add(model);
  Job job(registry, "org/model");
  job.environment["OUTPUT_MOUNT"] = "/does/not/exist";

  SECTION("as text") {
    const auto result = job.run({"resolve", "--files"});
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    CHECK(result.err.empty());
    CHECK_THAT(result.out,
               ContainsSubstring("org/model with version " + commit + "\n") &&
                   ContainsSubstring("Files: 2 of 3, 30.0 MB\n") &&
                   ContainsSubstring("30.0 MB  a.safetensors  sha256:") &&
                   ContainsSubstring("  left out  a.bin\n") &&
                   ContainsSubstring("Volume: ask for 2Gi (the files and a tenth more"));
  }
  SECTION("as JSON") {
    const auto result = job.run({"resolve", "--json"});
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    const auto json = nlohmann::json::parse(result.out);
    CHECK(json.at("revision") == commit);
    CHECK(json.at("bytes") == 30'000'002);
    CHECK(json.at("files").size() == 2);
    CHECK(json.at("skipped") == nlohmann::json{"a.bin"});
    CHECK(json.at("claim").at("storage") == "2Gi");
  }
  SECTION("as manifests") {
    const auto result = job.run({"resolve", "--kubernetes", "--image", "registry.example/nai:1"});
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    CHECK_THAT(result.out, ContainsSubstring("storage: 2Gi\n") && ContainsSubstring(commit) &&
                               ContainsSubstring("image: \"registry.example/nai:1\"\n"));
  }
  SECTION("or why it cannot") {
    job.environment["REPO_VERSION"] = "no-such-branch";
    const auto result = job.run({"resolve"});
    INFO(result.out << result.err);
    CHECK(result.exit_status == 4);
    CHECK_THAT(job.termination_message(), ContainsSubstring("Revision Not Found"));
  }
  CHECK(registry.request_count(mock::RequestKind::resolve) == 0);
  CHECK(registry.content_bytes_served() == 0);
}

TEST_CASE("resolve of a NIM image tells its profiles") {
  mock::NimService service;
  for (auto& model : ngc_models(1'000'000)) {
    service.add(std::move(model));
  }
  const std::string digest = service.add(nim_image(manifest_v1()));
  NimJob job(service);
  job.environment["OUTPUT_MOUNT"] = "/does/not/exist";

  SECTION("without a choice") {
    const auto result = job.run({"resolve", "--json"});
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    const auto json = nlohmann::json::parse(result.out);
    CHECK(json.at("revision") == digest);
    CHECK_FALSE(json.at("profiles").empty());
    CHECK(json.at("profile").is_null());
    CHECK(json.at("claim").is_null());
    CHECK(job.run({"resolve", "--kubernetes"}).exit_status == 2);
  }
  SECTION("with one") {
    job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
    const auto result = job.run({"resolve"});
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    CHECK_THAT(result.out,
               ContainsSubstring("Profiles: chosen ") && ContainsSubstring("Volume: ask for 2Gi"));
    const auto yaml = job.run({"resolve", "--kubernetes"});
    CHECK_THAT(yaml.out, ContainsSubstring("key: NGC_API_KEY") &&
                             ContainsSubstring("name: NIM_MODEL_PROFILE") &&
                             !ContainsSubstring("nvapi-right"));
  }
}

TEST_CASE("the Job that resolve prints of an image brings what was resolved, wherever its tag is") {
  mock::NimService service;
  for (auto& model : ngc_models(1'000'000)) {
    service.add(std::move(model));
  }
  auto image = nim_image(manifest_v1());
  image.as_index = true;  // so that it is not the platform's manifest that the tag names
  service.add(image);
  NimJob job(service);
  job.environment["OUTPUT_MOUNT"] = "/does/not/exist";
  job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  auto variables = variables_in(job.run({"resolve", "--kubernetes"}));
  const auto image_digest = [&] {
    const auto result = job.run({"resolve", "--json"});
    INFO(result.out << result.err);
    REQUIRE(result.exit_status == 0);
    return nlohmann::json::parse(result.out).at("image_digest").get<std::string>();
  };
  const std::string resolved = image_digest();
  service.add(nim_image(manifest_v2()));
  CHECK(image_digest() != resolved);

  CHECK(variables.at("REPO_ID") == job.environment.at("REPO_ID") + "@" + resolved);
  // What a pod has otherwise, and where this one may write.
  for (const char* name :
       {"NGC_API_KEY", "SSL_CERT_FILE", "OUTPUT_MOUNT", "TERMINATION_MESSAGE_FILE_PATH"}) {
    variables[name] = job.environment.at(name);
  }
  job.environment = variables;
  CHECK(image_digest() == resolved);
  CHECK(service.violations().empty());
}

TEST_CASE("resolve prints patterns and names whole, also those that look like a signed query") {
  mock::Registry registry(over_tls());
  registry.add(mock::make_repository(
      "org/model", {mock::lfs_file("a.safetensors", mock::Content::generated(1, 1'000)),
                    mock::regular_file("a?b=c.json", "{}")}));
  Job job(registry, "org/model");
  job.environment["OUTPUT_MOUNT"] = "/does/not/exist";
  SECTION("in a Job") {
    job.environment["IGNORE_PATTERNS"] = "epoch=?-step=*.ckpt";
    CHECK(variables_in(job.run({"resolve", "--kubernetes"})).at("IGNORE_PATTERNS") ==
          R"(["epoch=?-step=*.ckpt"])");
  }
  SECTION("in a document") {
    const auto result = job.run({"resolve", "--json"});
    INFO(result.out << result.err);
    REQUIRE(result.exit_status == 0);
    const auto json = nlohmann::json::parse(result.out);
    const auto& files = json.at("files");
    CHECK(std::any_of(files.begin(), files.end(),
                      [](const auto& file) { return file.at("path") == "a?b=c.json"; }));
  }
}
