// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nai/source/nim.hpp>

namespace nai::source {

// Where one file of a profile comes from.
struct FileOrigin {
  enum class Store { ngc, hugging_face, other };

  Store store = Store::other;
  std::string repository;  // "nim/meta/llama-3_1-8b-instruct", "meta-llama/Llama-3.1-8B-Instruct"
  std::string version;     // empty: the manifest does not say; of the Hub, its default then
  std::string path;        // in the repository

  [[nodiscard]] std::string to_string() const;
};

struct ProfileFile {
  std::string destination;  // in the workspace of a running NIM
  FileOrigin origin;
  std::string blake3;  // hexadecimal; empty: the manifest does not say
};

struct Profile {
  std::string id;
  std::string name;  // "vllm-bf16-tp1-pp1", made of the tags
  std::map<std::string, std::string> tags;
  std::vector<ProfileFile> files;

  // The tag's value; empty when it is not there.
  [[nodiscard]] std::string tag(const std::string& key) const;
  // The tag says "true", in any case.
  [[nodiscard]] bool has(const std::string& feature) const;
  // tensorrt_llm, vllm, sglang, tensorrt, onnx, ...
  [[nodiscard]] std::string engine() const;
  // Made for certain GPUs.
  [[nodiscard]] bool is_for_gpu() const;
  // The NIM builds an engine from it when it starts.
  [[nodiscard]] bool is_buildable() const { return has("trtllm_buildable"); }
  [[nodiscard]] bool has_lora() const { return has("feat_lora"); }
  // GPUs that it runs on.
  [[nodiscard]] unsigned gpus() const;
  [[nodiscard]] bool has_name(std::string_view wanted) const;
};

// What a NIM image says it can run.
struct ModelManifest {
  std::string schema;  // "v1", "2.0.0" or "legacy"
  std::vector<Profile> profiles;
};

// Reads any of the three shapes; unknown tags and members are passed over. Throws
// Error{content_mismatch}.
[[nodiscard]] ModelManifest parse_model_manifest(std::string_view text);

// Parses "ngc://org/team/model:version?file=path" and its relatives.
[[nodiscard]] FileOrigin parse_origin(std::string_view uri);

}  // namespace nai::source
