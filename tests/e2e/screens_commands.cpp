// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "e2e/screens.hpp"
#include "support/mock/loading.hpp"

namespace nai::test {

namespace {

void flip_a_byte(const std::filesystem::path& path, std::streamoff offset) {
  const auto time = std::filesystem::last_write_time(path);
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(offset);
    const auto byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(offset);
    file.put(byte);
  }
  std::filesystem::last_write_time(path, time);
}

mock::Repository model() {
  return mock::make_repository(
      "acme/llama-8b",
      {mock::regular_file("config.json", "{\"model_type\": \"llama\"}"),
       mock::lfs_file("model.safetensors",
                      mock::plausible_content("model.safetensors", 1, 40'000'000)),
       mock::lfs_file("original/consolidated.00.pth", mock::Content::generated(3, 8'000'000)),
       mock::regular_file("tokenizer.json", "{}")});
}

void add_resolve_and_check(ScreensPage& page) {
  mock::Options options = over_tls();
  options.tokens = {{"owner", "hf_the-very-secret-token"}, {"guest", "hf_of-somebody-else"}};
  mock::Registry registry(options);
  registry.add(model());
  auto gated = model();
  gated.id = "acme/gated";
  gated.gated = true;
  gated.allowed_users = {"owner"};
  registry.add(gated);
  Job job(registry, "acme/llama-8b");
  const Places places = places_of(job, registry);
  const std::string command = "nai-model-processor ";
  page.add({"resolve", "What there is to fetch",
            command + "resolve --repo-id acme/llama-8b --files",
            places.apply(log_of({"resolve", "--files"}, job.environment))});
  job.environment["HF_TOKEN"] = "hf_the-very-secret-token";
  page.add({"check", "Whether a download would work here",
            command + "check --repo-id acme/llama-8b",
            places.apply(log_of({"check"}, job.environment))});
  job.environment["HF_TOKEN"] = "hf_of-somebody-else";
  job.environment["REPO_ID"] = "acme/gated";
  job.environment["OUTPUT_MOUNT"] = "/nowhere";
  page.add({"check-errors", "What is in its way", command + "check --repo-id acme/gated",
            places.apply(log_of({"check"}, job.environment))});
}

void add_verify(ScreensPage& page) {
  mock::Registry registry(over_tls());
  registry.add(model());
  Job job(registry, "acme/llama-8b");
  const Places places = places_of(job, registry);
  job.environment["PROGRESS_INTERVAL"] = "0";
  REQUIRE(job.run().exit_status == 0);
  const std::string command = "nai-model-processor verify";
  page.add({"verify", "Everything on the volume is right", command,
            places.apply(log_of({"verify"}, job.environment))});
  flip_a_byte(job.model_file("model.safetensors"), 20'000'000);
  std::filesystem::remove(job.model_file("tokenizer.json"));
  write_file(job.model_file("notes.txt"), "mine");
  page.add({"verify-wrong", "Something is not", command,
            places.apply(log_of({"verify"}, job.environment))});
  page.add({"verify-repair", "Repaired, by fetching no more than what is wrong",
            command + " --repair --repo-id acme/llama-8b",
            places.apply(log_of({"verify", "--repair"}, job.environment))});
}

void add_nim(ScreensPage& page) {
  mock::NimService service;
  service.add(nim_image(manifest_v1()));
  for (auto& each : ngc_models(3'000'000)) {
    service.add(std::move(each));
  }
  NimJob job(service);
  const Places places = places_of(job, service);
  job.environment["PROGRESS_INTERVAL"] = "0";
  const std::string start = "PROVIDER=nim REPO_ID=registry.example/" + k_nim_repository + ":" +
                            k_nim_tag + " nai-model-processor";
  page.add({"nim-profiles", "No profile is asked for: they are listed, and nothing is staged",
            start, places.apply(log_of({}, job.environment))});
  job.environment["NIM_TAGS_SELECTOR"] = "llm_engine=vllm";
  page.add({"nim", "One is asked for", "NIM_TAGS_SELECTOR=llm_engine=vllm " + start,
            places.apply(log_of({}, job.environment))});
}

}  // namespace

void add_commands(ScreensPage& page) {
  page.section("Before and after", "");
  add_resolve_and_check(page);
  add_verify(page);
  page.section("A NIM image", "");
  add_nim(page);
}

}  // namespace nai::test
