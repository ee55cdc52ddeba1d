// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <string>

#include <fmt/format.h>

#include <nai/util/error.hpp>

#include <source/nim/profile_choice.hpp>

#include "support/nim_models.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai;
using namespace nai::source;

namespace {

// One of each kind that a real manifest has.
std::string list_of_profiles() {
  std::string text = "schema_version: '2.0'\nprofiles:\n";
  const auto add = [&](const std::string& id, const std::string& tags) {
    text += fmt::format("- id: {:0>64}\n  tags: {{{}}}\n", id, tags);
  };
  add("a1", "llm_engine: tensorrt_llm, gpu: L40S, precision: fp8, tp: 1, pp: 1, profile: latency");
  add("a2",
      "llm_engine: tensorrt_llm, gpu: L40S, precision: fp8, tp: 1, pp: 1, profile: throughput");
  add("a3",
      "llm_engine: tensorrt_llm, gpu: L40S, precision: fp8, tp: 2, pp: 1, profile: throughput");
  add("a4",
      "llm_engine: tensorrt_llm, gpu: H100, precision: fp8, tp: 1, pp: 1, profile: throughput");
  add("a5",
      "llm_engine: tensorrt_llm, gpu: H100_NVL, precision: fp8, tp: 1, pp: 1, profile: throughput");
  add("b1", "llm_engine: tensorrt_llm, precision: bf16, tp: 1, pp: 1, trtllm_buildable: 'true'");
  add("c1", "llm_engine: vllm, precision: bf16, tp: 4, pp: 1, feat_lora: 'false'");
  add("c2", "llm_engine: vllm, precision: bf16, tp: 1, pp: 1, feat_lora: 'true'");
  add("c3", "llm_engine: vllm, precision: bf16, tp: 1, pp: 1, feat_lora: 'false'");
  add("c4", "llm_engine: vllm, precision: fp8, tp: 1, pp: 1, feat_lora: 'false'");
  return text;
}

std::string chosen(const ProfileWishes& wishes) {
  static const ModelManifest manifest = parse_model_manifest(list_of_profiles());
  const ProfileChoice choice = choose_profile(manifest, wishes);
  CHECK_FALSE(choice.reason.empty());
  return choice.profile == nullptr ? "" : choice.profile->id.substr(62);
}

}  // namespace

TEST_CASE("the first shape: a map of profiles with custom tags and components") {
  const ModelManifest manifest = parse_model_manifest(test::manifest_v1());
  CHECK(manifest.schema == "v1");
  REQUIRE(manifest.profiles.size() == 2);
  const Profile& engine = manifest.profiles[0];
  CHECK(engine.id == test::k_engine_profile);
  CHECK(engine.tag("tp") == "1");
  REQUIRE(engine.files.size() == 4);
  CHECK(engine.files[3].destination == "trtllm_engine/rank0.engine");
  CHECK(engine.files[3].origin.to_string() ==
        "ngc://" + test::k_ngc_model + ":" + test::k_engine_version + "?file=rank0.engine");
  CHECK(manifest.profiles[1].files[4].origin.path == "extra/notes.txt");
}

TEST_CASE("the second shape, with checksums, and files by scalar or map") {
  const std::string hex(64, 'A');
  const ModelManifest manifest = parse_model_manifest(test::manifest_v2("blake3:" + hex));
  CHECK(manifest.schema == "2.0.0");
  REQUIRE(manifest.profiles.size() == 1);
  REQUIRE(manifest.profiles[0].files.size() == 3);
  CHECK(manifest.profiles[0].files[0].blake3 == std::string(64, 'a'));
  CHECK(manifest.profiles[0].files[2].destination == "trtllm_engine/rank0.engine");
}

TEST_CASE("the legacy shape, anchors, merges of one mapping by alias, and odd members") {
  const ModelManifest legacy = parse_model_manifest(
      "# a comment\nmodel_profile: MolMIM\nmanifest:\n- id: '00'\n  tags: {}\n");
  CHECK(legacy.schema == "legacy");
  CHECK(legacy.profiles.at(0).files.empty());

  const ModelManifest anchored = parse_model_manifest(
      "profiles:\n- id: a\n  tags: &t {tp: '2', x: [1]}\n  workspace: &w\n    files:\n"
      "      f: {uri: 'ngc://o/t/m:1?file=f'}\n- id: b\n  tags: *t\n  workspace: *w\n- 7\n");
  REQUIRE(anchored.profiles.size() == 2);
  CHECK(anchored.profiles[1].tag("tp") == "2");
  CHECK(anchored.profiles[1].files.size() == 1);
}

TEST_CASE("merges, nulls and truths as other writers of YAML have them") {
  const ModelManifest manifest = parse_model_manifest(
      "base: &base {llm_engine: vllm, tp: '2', gpu: null}\nmore: &more {pp: 1, tp: 8}\n"
      "profiles:\n- id: a\n  tags: {<<: *base, tp: '4', gpu: ~, feat_lora: True}\n"
      "- id: b\n  tags: {<<: [*base, *more], precision: bf16, key: null, trtllm_buildable: "
      "TRUE}\n");
  REQUIRE(manifest.profiles.size() == 2);
  CHECK(manifest.profiles[0].tag("llm_engine") == "vllm");
  CHECK(manifest.profiles[0].tag("tp") == "4");
  CHECK_FALSE(manifest.profiles[0].is_for_gpu());
  CHECK(manifest.profiles[0].has_lora());
  CHECK(manifest.profiles[1].tag("tp") == "2");
  CHECK(manifest.profiles[1].tag("pp") == "1");
  CHECK(manifest.profiles[1].is_buildable());
  CHECK_THROWS_WITH(parse_model_manifest("a: &x {<<: *x}"), ContainsSubstring("contains itself"));
}

TEST_CASE("what is no manifest is refused with the reason") {
  for (const auto& [text, why] : {
           std::pair<std::string, std::string>{"", "it is empty"},
           {"just text", "it is not a mapping"},
           {"a: [", "line"},
           {"profiles: []", "it has no profiles"},
           {"profiles: [{id: a}, {id: a}]", "two profiles have the id a"},
           {"profiles: [{tags: {}}]", "a profile has no id"},
           {"a: &x [*x]", "contains itself"},
           {"a: *nothing", "nothing is called &nothing"},
           {std::string(500, '['), "nested too deeply"},
           {"a: \xff\xfe\x01", "line"},
       }) {
    INFO(text.substr(0, 50));
    CHECK_THROWS_WITH(parse_model_manifest(text), ContainsSubstring(why));
  }
}

TEST_CASE("origins") {
  CHECK(parse_origin("hf://org/model:main?file=a/b.json").to_string() ==
        "hf://org/model:main?file=a/b.json");
  CHECK(parse_origin("nim/meta/x").store == FileOrigin::Store::ngc);
  CHECK(parse_origin("nim/meta/x").version.empty());
  const FileOrigin dummy = parse_origin("ngc://org/team/model/engine.bin");
  CHECK(dummy.repository == "org/team/model");
  CHECK(dummy.path == "engine.bin");
  CHECK(dummy.version.empty());
  CHECK(parse_origin("s3://bucket/x:1?file=y").store == FileOrigin::Store::other);
  CHECK(parse_origin("hf://org/model?file=a").version == "main");
  CHECK(parse_origin("ngc://nim/q/m:1.0+abc?file=rank0.engine").version == "1.0+abc");
}

TEST_CASE("a profile is chosen by name, tags and GPU, and never by guessing") {
  CHECK(chosen({}).empty());
  CHECK(chosen({.profile = std::string(62, '0') + "c4"}) == "c4");
  CHECK(chosen({.profile = "vllm-fp8-tp1-pp1-33.0"}) == "c4");
  CHECK(chosen({.profile = "tensorrt_llm-l40s-fp8-tp2-throughput"}) == "a3");
  CHECK(chosen({.profile = "tensorrt_llm-trtllm_buildable-bf16-tp1-pp1"}) == "b1");
  CHECK(chosen({.profile = "vllm-bf16-tp1-pp1-lora"}) == "c2");
  CHECK(chosen({.tags = {{"tp", "4"}}}) == "c1");
  CHECK(chosen({.tags = {{"gpu", "H100_NVL"}}}) == "a5");
  CHECK(chosen({.tags = {{"precision", "bf16"}, {"feat_lora", "false"}}}) == "c3");
  CHECK(chosen({.tags = {{"gpu", "L40S"}}}).empty());  // three, and the GPU was not named
  CHECK(chosen({.gpu_product = "NVIDIA-L40S"}) == "a2");
  CHECK(chosen({.gpu_product = "NVIDIA-L40S", .gpu_count = 2}) == "a3");
  CHECK(chosen({.gpu_product = "NVIDIA-H100-80GB-HBM3"}) == "a4");
  CHECK(chosen({.gpu_product = "NVIDIA-H100-NVL"}) == "a5");
  CHECK(chosen({.gpu_product = "NVIDIA-A10"}) == "c3");
  CHECK(chosen({.gpu_count = 4}) == "c1");
  CHECK(chosen({.tags = {{"tp", "4"}}, .gpu_product = "NVIDIA-A10", .gpu_count = 2}).empty());
  CHECK(chosen({.tags = {{"tp", "4"}}, .gpu_count = 2}).empty());
}

TEST_CASE("wishes that nothing fulfils are mistakes with a list") {
  const ModelManifest manifest = parse_model_manifest(list_of_profiles());
  CHECK_THROWS_WITH(choose_profile(manifest, {.profile = "nothing"}),
                    ContainsSubstring("the image has no such profile; it has 0000"));
  CHECK_THROWS_WITH(choose_profile(manifest, {.profile = std::string(20, '0')}),
                    ContainsSubstring("which 10 profiles are called"));
  CHECK_THROWS_WITH(choose_profile(manifest, {.tags = {{"tp", "64"}}}),
                    ContainsSubstring("NIM_TAGS_SELECTOR matches no profile"));
}

TEST_CASE("why nothing was chosen says what is missing") {
  const ModelManifest manifest = parse_model_manifest(list_of_profiles());
  CHECK_THAT(choose_profile(manifest, {.tags = {{"gpu", "L40S"}}}).reason,
             ContainsSubstring("3 profiles are left, each made for certain GPUs"));
  CHECK_THAT(choose_profile(manifest, {.tags = {{"tp", "4"}}, .gpu_count = 2}).reason,
             ContainsSubstring("no profile fits the GPU"));
}

TEST_CASE("GPUs are compared by words, keys and expressions") {
  Profile profile;
  profile.tags = {{"gpu", "A10"}};
  CHECK(fits_gpu(profile, "NVIDIA-A10"));
  CHECK_FALSE(fits_gpu(profile, "NVIDIA-A100-SXM4-40GB"));
  profile.tags = {{"key", "NVIDIA-A10G_10.0.1_12"}};
  CHECK(fits_gpu(profile, "NVIDIA-A10G"));
  CHECK_FALSE(fits_gpu(profile, "NVIDIA-A10"));
  profile.tags = {{"product_name_regex", "^NVIDIA-A10(?!0).*"}};
  CHECK(fits_gpu(profile, "NVIDIA-A10G"));
  CHECK_FALSE(fits_gpu(profile, "NVIDIA-A100"));

  CHECK(matches_expression("a.c", "xabcx"));
  CHECK(matches_expression("^a+b?c*$", "aab"));
  CHECK_FALSE(matches_expression("^b$", "abc"));
  CHECK_FALSE(matches_expression("(a|b)", "a"));
  CHECK(matches_expression("a\\.b", "a.b"));
  CHECK_FALSE(matches_expression("a\\.b", "axb"));
  CHECK(matches_expression(std::string(100, '.') + std::string(100, '*'), "") == false);
  std::string slow = "^";
  for (int i = 0; i < 60; ++i) {
    slow += "a*a*";
  }
  CHECK_FALSE(matches_expression(slow + "$", std::string(250, 'a') + "b"));
}

TEST_CASE("a manifest of twenty thousand files is read") {
  const ModelManifest manifest = parse_model_manifest(test::large_manifest());
  CHECK(manifest.profiles.size() == 125);
  CHECK(manifest.profiles.back().files.size() == 160);
}
