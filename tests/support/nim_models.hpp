// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/mock/nim_service.hpp"

// Images and models in the shape of NVIDIA's, for tests.
namespace nai::test {

inline const std::string k_nim_repository = "nim/meta/llama-3.1-8b-instruct";
inline const std::string k_nim_tag = "1.2.2";
inline const std::string k_ngc_model = "nim/meta/llama-3_1-8b-instruct";
inline const std::string k_weights_version = "hf-8c22764-nim1.2";
inline const std::string k_engine_version = "0.11.1+ba20956e-l40sx1-bf16-throughput";
inline const std::string k_engine_profile = std::string(60, '0') + "e001";
inline const std::string k_generic_profile = std::string(60, '0') + "f002";
inline constexpr const char* k_manifest_path = "opt/nim/etc/default/model_manifest.yaml";

// Two profiles: an engine for one GPU beside a tokenizer, and the plain weights.
inline std::string manifest_v1() {
  return k_engine_profile + R"(:
  model: meta/llama-3.1-8b-instruct
  release: '1.2.2'
  tags: {feat_lora: 'false', gpu: L40S, gpu_device: '26b5:10de', llm_engine: tensorrt_llm, pp: '1', precision: bf16, profile: throughput, tp: 1}
  workspace: !workspace
    components:
    - dst: ''
      src:
        repo_id: ngc://)" +
         k_ngc_model + ":" + k_weights_version + R"(
        files: [!name 'LICENSE.txt', !name 'config.json']
    - dst: trtllm_engine
      src:
        repo_id: ngc://)" +
         k_ngc_model + ":" + k_engine_version + R"(
        files:
        - !name 'LICENSE.txt'
        - !name 'rank0.engine'
)" + k_generic_profile +
         R"(:
  model: meta/llama-3.1-8b-instruct
  tags: {feat_lora: 'false', llm_engine: vllm, pp: '1', precision: bf16, tp: '1', unknown_tag: [1, 2]}
  workspace: !workspace
    components:
    - dst: ''
      src:
        repo_id: ngc://)" +
         k_ngc_model + ":" + k_weights_version + R"(
        files: [LICENSE.txt, config.json, model-00001-of-00002.safetensors, model-00002-of-00002.safetensors, extra/notes.txt]
)";
}

inline std::string manifest_v2(const std::string& checksum = "") {
  const auto entry = [&](const std::string& version, const std::string& path) {
    return "{uri: \"ngc://" + k_ngc_model + ":" + version + "?file=" + path + "\"" +
           (checksum.empty() ? "" : ", checksum: \"" + checksum + "\"") + "}";
  };
  return R"(schema_version: 2.0.0
profile_selection_criteria: auto
profiles:
- id: )" +
         k_generic_profile + R"(
  tags: {llm_engine: vllm, precision: bf16, tp: '1', pp: '1', feat_lora: 'false'}
  workspace:
    files:
      config.json: )" +
         entry(k_weights_version, "config.json") + R"(
      model-00001-of-00002.safetensors: )" +
         entry(k_weights_version, "model-00001-of-00002.safetensors") + R"(
      trtllm_engine/rank0.engine: )" +
         entry(k_engine_version, "rank0.engine") + "\n";
}

// 20 000 files in 125 profiles: 4 MB, the size of the largest that were seen.
inline std::string large_manifest() {
  std::string text = "schema_version: 2.0.0\nprofiles:\n";
  for (int profile = 0; profile < 125; ++profile) {
    const std::string number = std::to_string(1000 + profile);
    text += "- id: " + std::string(60, '0') + number +
            "\n  tags: {llm_engine: vllm, tp: '1'}\n  workspace:\n    files:\n";
    for (int file = 0; file < 160; ++file) {
      const std::string path = "transformer/part-" + std::to_string(10'000 + file) + ".safetensors";
      text += "      " + path + ": {uri: \"ngc://nim/nvidia/cosmos:1.0+" + number +
              "?file=" + path + "\", checksum: \"blake3:" + std::string(64, 'e') + "\"}\n";
    }
  }
  return text;
}

inline mock::NimImage nim_image(const std::string& manifest) {
  mock::Tar base;
  base.directory("opt").file("opt/readme", std::string(100'000, 'x'));
  mock::Tar top;
  top.directory("opt/nim").file("opt/nim/start.sh", "#!/bin/sh\n");
  mock::Tar etc;
  etc.directory("opt/nim/etc/default").file(k_manifest_path, manifest);
  mock::NimImage image{.repository = k_nim_repository, .tag = k_nim_tag, .layers = {}};
  image.layers = {mock::gzip_layer(base, "RUN apt-get install"),
                  mock::gzip_layer(etc, "COPY model_manifest.yaml /opt/nim/etc/default/"),
                  mock::gzip_layer(top, "COPY start.sh /opt/nim/")};
  return image;
}

inline mock::NgcModelFile ngc_file(std::string path, mock::Content content, std::string etag) {
  return {.path = std::move(path), .content = std::move(content), .etag = "\"" + etag + "\""};
}

// The weights and the engine; `large` bytes for each of the large files.
inline std::vector<mock::NgcModel> ngc_models(std::uint64_t large) {
  using mock::Content;
  const auto text = [](const std::string& bytes) { return Content::inline_bytes(bytes); };
  return {
      {.repository = k_ngc_model,
       .version = k_weights_version,
       .files = {ngc_file("LICENSE.txt", text("license"), "0355b8d0421a12e6aeb6a2e9ef42ae60"),
                 ngc_file("config.json", text("{\"a\": 1}"), "345ce8cb29fb80a99a92360c273d8ed7"),
                 ngc_file("model-00001-of-00002.safetensors", Content::generated(1, large),
                          "2f9b1fc2567e0464c6f0091571f0b026-949"),
                 ngc_file("model-00002-of-00002.safetensors", Content::generated(2, large + 1),
                          "48baa16e45dad0432ae9128867df6910-953"),
                 ngc_file("extra/notes.txt", text("notes"), "a39e568b378709a9506dec28eab83355")}},
      {.repository = k_ngc_model,
       .version = k_engine_version,
       .files = {ngc_file("LICENSE.txt", text("license"), "0355b8d0421a12e6aeb6a2e9ef42ae60"),
                 ngc_file("rank0.engine", Content::generated(3, large),
                          "3e710a79e58ddecbe63a8dffa7464658-3091")}}};
}

}  // namespace nai::test
