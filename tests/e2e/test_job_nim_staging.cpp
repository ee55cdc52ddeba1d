// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <map>

#include <nlohmann/json.hpp>

#include "e2e/job.hpp"
#include "e2e/nim_job.hpp"

#include <source/nim/model_manifest.hpp>

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;

namespace {

// The input that BLAKE3's published test vectors use, and the digest of 31744 bytes of it.
constexpr std::size_t k_vector_size = 31744;
constexpr const char* k_vector_digest =
    "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47";

mock::Content vector_input(unsigned char begin = 0) {
  std::string bytes;
  for (std::size_t i = 0; i < k_vector_size; ++i) {
    bytes += static_cast<char>((i + begin) % 251);
  }
  return mock::Content::inline_bytes(bytes);
}

std::string manifest_of_one(const std::string& checksum) {
  return "schema_version: 2.0.0\nprofiles:\n- id: " + k_generic_profile +
         "\n  tags: {llm_engine: vllm}\n  workspace:\n    files:\n      rank0.engine: {uri: "
         "'ngc://" +
         k_ngc_model + ":v1?file=rank0.engine', checksum: '" + checksum + "'}\n";
}

// The listing of a cache that a NIM made, one line for each file and link.
struct Seen {
  std::vector<std::string> lines;
  std::map<std::string, mock::NgcModel> versions;
  std::string manifest;  // of a profile that needs all of them
};

Seen load(const std::string& name) {
  const std::string snapshots = "ngc/hub/models--nim--meta--llama-3_1-8b-instruct/snapshots/";
  const std::string blobs = " -> ../../blobs/";
  Seen seen;
  std::ifstream in(std::string(NAI_FIXTURES) + "/nim-caches/" + name);
  REQUIRE(in);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("#")) {
      continue;
    }
    if (line.starts_with(snapshots)) {
      const auto slash = line.find('/', snapshots.size());
      const auto arrow = line.find(blobs);
      const std::string version = line.substr(snapshots.size(), slash - snapshots.size());
      const std::string path = line.substr(slash + 1, arrow - slash - 1);
      std::string etag = line.substr(arrow + blobs.size());
      if (etag == "?") {
        etag = "00000000000000000000" + std::to_string(100'000'000'000 + seen.lines.size());
        line = line.substr(0, arrow) + blobs + etag;
      }
      mock::NgcModel& model = seen.versions[version];
      model.repository = k_ngc_model;
      model.version = version;
      model.files.push_back(
          ngc_file(path, mock::Content::inline_bytes(version + "/" + path), etag));
      seen.lines.push_back(snapshots.substr(0, snapshots.size() - 10) + "blobs/" + etag);
    }
    seen.lines.push_back(line);
  }
  seen.manifest =
      k_generic_profile + ":\n  tags: {llm_engine: vllm}\n  workspace:\n    components:\n";
  for (const auto& [version, model] : seen.versions) {
    seen.manifest += "    - dst: ''\n      src:\n        repo_id: ngc://" + k_ngc_model + ":" +
                     version + "\n        files:\n";
    for (const auto& file : model.files) {
      seen.manifest += "        - " + file.path + "\n";
    }
  }
  return seen;
}

// Users of any id can read all of it.
void check_modes(const std::filesystem::path& root) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    INFO(entry.path());
    struct stat status {};
    REQUIRE(::stat(entry.path().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == (entry.is_directory() ? 0755U : 0644U));
  }
}

}  // namespace

TEST_CASE("nim: the caches that were seen of images 1.1.2, 1.2 and 1.3.3 come about again") {
  for (const std::string image : {"1.1.2", "1.2", "1.3.3"}) {
    Seen seen = load("llama-3.1-8b-instruct-" + image + ".txt");
    mock::NimService service;
    service.add(nim_image(seen.manifest));
    for (const auto& [version, model] : seen.versions) {
      service.add(model);
    }
    NimJob job(service);
    job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
    const auto mask = ::umask(077);
    const auto result = job.run();
    ::umask(mask);
    INFO(image << result.out << result.err);
    REQUIRE(result.exit_status == 0);
    check_modes(job.model_files());
    // Every NIM makes this one; two of the listings leave it out.
    seen.lines.emplace_back("huggingface/hub/version.txt");
    std::sort(seen.lines.begin(), seen.lines.end());
    seen.lines.erase(std::unique(seen.lines.begin(), seen.lines.end()), seen.lines.end());
    CHECK(listing(job.model_files()) == seen.lines);
    CHECK(std::filesystem::is_directory(job.model_files() / "ngc/hub/tmp"));
    for (const auto& [version, model] : seen.versions) {
      for (const auto& file : model.files) {
        const auto found = job.reader().get(k_ngc_model, version, file.path);
        REQUIRE(found);
        CHECK(same_content(*found, file.content));
      }
    }
  }
}

TEST_CASE("nim: a manifest of 20 000 files is read in under 0.3 s") {
  const std::string text = large_manifest();
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t cpu_begin = std::clock();
  const auto manifest = nai::source::parse_model_manifest(text);
  const double cpu = static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC;
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  CHECK(manifest.profiles.size() == 125);
  WARN(text.size() << " bytes took " << cpu << " s of CPU, " << wall.count() << " s by the clock");
  // A busy machine takes longer by the clock.
  CHECK(cpu < 0.3);
}

TEST_CASE("nim: a key of the older kind is exchanged for tokens") {
  mock::NimServiceOptions options;
  options.key = "b2xkZXIta2V5LW9mLW5nYw==";
  options.api_token_uses = 6;  // the list and a probe of each file; then another is needed
  mock::NimService service(options);
  service.add(nim_image(manifest_v1()));
  for (auto& model : ngc_models(100'000)) {
    service.add(std::move(model));
  }
  NimJob job(service);
  job.environment["NGC_API_KEY"] = options.key;
  job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK(service.request_count("/token?service=ngc&scope=group/ngc:nim/meta") > 1);
  CHECK(service.violations().empty());
  CHECK(job.reader().get(k_ngc_model, k_weights_version, "model-00002-of-00002.safetensors"));

  NimJob wrong(service);
  wrong.environment["NGC_API_KEY"] = "bm90LXRoZS1rZXk=";
  const auto refused = wrong.run();
  CHECK(refused.exit_status == 3);
  CHECK_THAT(refused.err, ContainsSubstring("NGC does not know the key, or it has expired"));
  CHECK_THAT(refused.err, !ContainsSubstring("bm90LXRoZS1rZXk="));
}

TEST_CASE("nim: a checksum in BLAKE3 alone verifies a file, and refuses a wrong one") {
  mock::NimService service({.org_context_missing = true});
  service.add(nim_image(manifest_of_one("blake3:" + std::string(k_vector_digest))));
  service.add(mock::NgcModel{.repository = k_ngc_model,
                             .version = "v1",
                             .files = {ngc_file("rank0.engine", vector_input(), "t")}});
  NimJob job(service);
  job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  const auto result = job.run();
  INFO(result.out << result.err);
  REQUIRE(result.exit_status == 0);
  const auto report = nlohmann::json::parse(read_file(job.report()));
  REQUIRE(report["files"].size() == 1);
  CHECK(report["files"][0]["verified_by"] == "blake3");
  CHECK(report["files"][0]["digest"] == "blake3:" + std::string(k_vector_digest));

  service.add(mock::NgcModel{.repository = k_ngc_model,
                             .version = "v1",
                             .files = {ngc_file("rank0.engine", vector_input(1), "t")}});
  NimJob other(service);
  other.environment = job.environment;
  other.environment["OUTPUT_MOUNT"] = other.mount().string();
  const auto wrong = other.run();
  INFO(wrong.err);
  CHECK(wrong.exit_status == 5);
  CHECK_FALSE(other.reader().get(k_ngc_model, "v1", "rank0.engine"));
  for (const std::string& line : listing(other.model_files())) {
    CHECK_THAT(line, !ContainsSubstring("/blobs/"));
  }
}

TEST_CASE(
    "nim: a profile that was asked for and cannot be had fails with the status of its cause") {
  struct Row {
    std::string part;
    int answered;
    int exit_status;
    std::string sentence;
  };
  for (const Row& row :
       {Row{"/files/config.json", 404, 4, "NGC does not have it"},
        Row{"/files/config.json", 403, 3, "has no access to these files"},
        Row{"/files/config.json", 451, 3, "in the region"},
        Row{"/files/config.json", 503, 75, "503"}, Row{"/files?", 401, 3, "refuses the key"}}) {
    mock::NimService service;
    service.add(nim_image(manifest_v1()));
    for (auto& model : ngc_models(1'000)) {
      service.add(std::move(model));
    }
    service.set_fault_hook([&](const mock::RequestInfo& info) -> mock::Fault {
      if (info.target.find(row.part) == std::string::npos) {
        return {};
      }
      return {.answer = mock::json_response(row.answered, "{}")};
    });
    NimJob job(service);
    job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
    const auto result = job.run();
    INFO(row.part << row.answered << "\n" << result.out << result.err);
    CHECK(result.exit_status == row.exit_status);
    CHECK_THAT(result.err, ContainsSubstring(row.sentence));
    CHECK_THAT(result.out, !ContainsSubstring("Successfully"));
    CHECK(std::filesystem::is_empty(job.model_files()));
    // The same run without a wish only tells of the image.
    job.environment.erase("NIM_MODEL_PROFILE");
    CHECK(job.run().exit_status == 0);
  }
}
