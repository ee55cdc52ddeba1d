// SPDX-License-Identifier: Apache-2.0
// Every document in tests/fixtures/nim, read by what reads its like.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <nai/http/challenge.hpp>
#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

#include <source/hugging_face/hub_error.hpp>
#include <source/nim/image.hpp>
#include <source/nim/model_manifest.hpp>
#include <source/nim/ngc_catalog.hpp>
#include <source/nim/registry_client.hpp>

#include "support/captured_log.hpp"
#include "support/fake_client.hpp"
#include "support/fake_clock.hpp"
#include "support/nim_registry.hpp"
#include "support/temporary_directory.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai;
using namespace nai::source;
using test::Answer;
using test::answer;

namespace {

std::string sample(const std::string& name) {
  return test::read_file(std::filesystem::path(NAI_FIXTURES) / "nim" / name);
}

struct Expected {
  std::string name;
  std::string schema;
  std::vector<std::size_t> files;  // of each profile
};

const std::vector<Expected>& manifests() {
  const std::string v1 = "k8s-nim-operator__internal_nimparser_v1_testdata_manifest_";
  static const std::vector<Expected> all = {
      {"constructed__manifest_v1_full.yaml", "v1", {12, 11}},
      {"constructed__manifest_v2_full.yaml", "2.0.0", {3, 1}},
      {"k8s-nim-operator__internal_controller_testdata_manifest_trtllm.yaml", "v1", {4, 0}},
      {v1 + "lora.yaml", "v1", {0}},
      {v1 + "non_llm.yaml", "v1", {0, 0}},
      {v1 + "trtllm_v1.yaml", "v1", {3}},
      {v1 + "vllm_v1.yaml", "v1", {3}},
      {"k8s-nim-operator__internal_nimparser_v2_testdata_manifest_v2.yaml", "2.0.0", {3, 1}},
      {"manifest_legacy_wrapped_molmim.yaml", "legacy", {0}},
      {"manifest_v2_excerpt_1.5.2.yaml", "2.0", {0, 0, 1}}};
  return all;
}

// A session whose every question gets this answer.
struct Ngc {
  explicit Ngc(test::FakeClient::Script script) : client(std::move(script)) {}
  explicit Ngc(const std::string& body)
      : client([body](const http::Request&) { return answer(200, {}, body); }) {}

  NgcListing list() {
    return list_version(session, connection, {"nim/meta/llama-3_1-8b-instruct", "1"}, {});
  }

  test::FakeClient client;
  test::FakeClock clock;
  test::CapturedLog log;
  Connection connection{client, clock, log, {.max_attempts = 2}};
  http::Url url = http::Url::parse("https://ngc.example").value();
  NgcSession session{connection, {url, url}, "nvapi-x"};
};

const std::string k_empty_sha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

}  // namespace

TEST_CASE("every sample of a model manifest has the profiles and files that it has") {
  std::set<std::string> known;
  for (const Expected& expected : manifests()) {
    INFO(expected.name);
    known.insert(expected.name);
    const ModelManifest manifest = parse_model_manifest(sample(expected.name));
    CHECK(manifest.schema == expected.schema);
    std::vector<std::size_t> files;
    for (const Profile& profile : manifest.profiles) {
      CHECK_FALSE(profile.id.empty());
      files.push_back(profile.files.size());
      for (const ProfileFile& file : profile.files) {
        CHECK_FALSE(file.origin.path.empty());
        CHECK_FALSE(file.destination.empty());
      }
    }
    CHECK(files == expected.files);
  }
  // None is forgotten.
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(NAI_FIXTURES) / "nim")) {
    if (entry.path().extension() == ".yaml") {
      CHECK(known.contains(entry.path().filename().string()));
    }
  }
}

TEST_CASE("what the sample manifests say of files, tags and GPUs") {
  const auto v1 = parse_model_manifest(sample("constructed__manifest_v1_full.yaml"));
  CHECK(v1.profiles[0].files[11].origin.to_string() ==
        "ngc://nim/meta/llama-3_1-8b-instruct:0.11.1+ba20956e-l40sx1-bf16-throughput.1.1.0."
        "17088220?file=rank0.engine");
  CHECK(v1.profiles[0].name == "tensorrt_llm-l40s-bf16-tp1-throughput");
  CHECK(v1.profiles[1].name == "vllm-bf16-tp1-pp1");
  const auto v2 = parse_model_manifest(sample("constructed__manifest_v2_full.yaml"));
  CHECK(v2.profiles[0].files[0].blake3 ==
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  CHECK(v2.profiles[1].files[0].origin.store == FileOrigin::Store::hugging_face);
  CHECK(v2.profiles[1].has_lora());
  const auto excerpt = parse_model_manifest(sample("manifest_v2_excerpt_1.5.2.yaml"));
  CHECK(excerpt.profiles[0].gpus() == 4);
  CHECK(excerpt.profiles[1].is_buildable());
  CHECK(excerpt.profiles[2].files[0].origin.version ==
        "a100x1-throughput-precision.bf16-udrspesh5q");
  // The names of the lists that NIMs print.
  CHECK(v1.profiles[1].has_name("vllm-bf16-tp1-pp1-33.0"));
  for (const std::string file :
       {"list-model-profiles_1.8.4.txt", "list-model-profiles_2.0.12.txt"}) {
    CHECK_THAT(sample(file), ContainsSubstring("vllm-bf16-tp1-pp1"));
  }
}

TEST_CASE("challenges and errors of nvcr.io as they were seen") {
  int challenges = 0;
  const std::string text = sample("nvcr_challenge.txt");
  for (const std::string_view line : util::split(text, '\n')) {
    constexpr std::string_view k_name = "WWW-Authenticate: ";
    if (const auto at = line.find(k_name); at != std::string_view::npos) {
      const auto found = http::parse_challenges(line.substr(at + k_name.size()));
      REQUIRE(found.size() == 1);
      CHECK(found[0].parameter("realm").value_or("").starts_with("https://nvcr.io/proxy_auth"));
      CHECK_FALSE(found[0].parameter("service"));
      ++challenges;
    }
  }
  CHECK(challenges == 3);
  const auto words = [](int status, const std::string& name) {
    http::Response response;
    response.status = status;
    return server_words(response, sample(name));
  };
  CHECK(words(403, "nvcr_error_denied.json") == "403 Forbidden: Access Denied");
  CHECK(words(404, "constructed__error_manifest_unknown.json") ==
        "404 Not Found: manifest unknown");
  CHECK(words(401, "constructed__error_unauthorized.json") ==
        "401 Unauthorized: authentication required");
}

TEST_CASE("lists of NGC as clients know them") {
  const NgcListing presigned = Ngc(sample("constructed__ngc_files_presigned_page.json")).list();
  CHECK(presigned.complete);
  REQUIRE(presigned.files.size() == 2);
  CHECK(presigned.files.at("config.json").sha256->hex() == k_empty_sha256);
  CHECK_FALSE(presigned.files.at("config.json").size);

  const NgcListing objects = Ngc(sample("constructed__ngc_versions_files_modelFiles.json")).list();
  REQUIRE(objects.files.size() == 2);
  CHECK(objects.files.at("model-00001-of-00004.safetensors").size == 4'976'698'672);
  CHECK(objects.files.at("config.json").sha256->hex() == k_empty_sha256);
}

TEST_CASE("Org contex missing leads to the file of checksums, whatever its status is") {
  for (const int status : {200, 400, 401}) {
    INFO(status);
    Ngc ngc([&](const http::Request& request) {
      return request.url.path().ends_with("/files/checksums.blake3")
                 ? answer(200, {}, sample("constructed__checksums.blake3"))
                 : answer(status, {}, sample("constructed__ngc_error_request_status.json"));
    });
    const NgcListing listing = ngc.list();
    CHECK_FALSE(listing.complete);
    REQUIRE(listing.files.size() == 2);
    CHECK(listing.files.at("trtllm_engine/rank0.engine").blake3);
    CHECK_THAT(ngc.log.message("ngc_without_list"),
               ContainsSubstring("Org contex missing (Request ID: 00000000-0000-0000-0000-"
                                 "000000000000)"));
  }
}

TEST_CASE("recorded answers of NGC about a key, an image and tokens") {
  Ngc caller(sample("odh__get_caller_info_response.json"));
  CHECK(caller.session.check_key("", {}) == KeyState::valid);

  Ngc image(sample("odh__ngc_model_llama-3_1-8b-instruct_response.json"));
  const ImageFacts facts = image.session.image_facts("nim/meta/llama-3.1-8b-instruct", {});
  CHECK(facts.state == ImageFacts::State::exists);
  CHECK(facts.tags ==
        std::vector<std::string>{"1.2.2", "1.2", "1.1.2", "1.1.1", "1.1", "1", "latest", "1.1.0"});

  for (const std::string file :
       {"odh__ngc_token_response.json", "odh__runtime_token_response.json"}) {
    Ngc tokens(sample(file));
    NgcSession older(tokens.connection, {tokens.url, tokens.url}, "older-key");
    CHECK(older.authorization("nim/meta", {}).starts_with("Bearer this-is-"));
  }
}

TEST_CASE("an index with attestations leads to the platform's manifest") {
  for (const auto& [architecture, digit] :
       {std::pair<std::string, char>{"amd64", '1'}, std::pair<std::string, char>{"arm64", '2'}}) {
    test::NimRegistry registry([](const http::Request& request) {
      return request.url.path().ends_with("/manifests/1")
                 ? answer(200, {}, sample("constructed__oci_index_with_attestations.json"))
                 : answer(404);
    });
    CHECK_THROWS_AS(registry.resolve({.os = "linux", .architecture = architecture, .variant = {}}),
                    util::Error);
    CHECK(registry.client.lines().back() ==
          "GET https://reg.example/v2/a/manifests/sha256:" + std::string(64, digit));
  }
}

TEST_CASE("labels of a 2.x image are no protocol of its own") {
  const auto labels = nlohmann::json::parse(sample("image_labels_nemotron-3-nano_2.0.12.json"));
  test::NimRegistry registry(
      test::one_image(nlohmann::json{{"config", {{"Labels", labels.at("Labels")}}}}.dump()));
  const Image image = registry.resolve({.os = "linux", .architecture = "amd64", .variant = {}});
  CHECK(image.labels.size() == 11);
  CHECK(image.labels.at("com.nvidia.nim.model") == "nvidia/nemotron-3-nano");
  CHECK_FALSE(image.labels.contains("com.nvidia.nim.model_download_protocol"));
}

TEST_CASE("the images that a catalog names can be asked for") {
  const auto entries = nlohmann::json::parse(sample("nai_catalog_nim_entries.json"));
  CHECK(entries.size() == 5);
  for (const auto& entry : entries) {
    const std::string image = entry.at("modelRevision");
    CHECK(parse_image_name(image) == image);
    for (const auto& runtime : entry.at("runtimes")) {
      CHECK(parse_image_name(runtime.at("image").get<std::string>()) == image);
    }
  }
}
