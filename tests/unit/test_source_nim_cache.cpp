// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>
#include <map>
#include <string>

#include <nai/storage/arrangement.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

#include <source/nim/cache_layout.hpp>

#include "support/hub_cache_reader.hpp"
#include "support/temporary_directory.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai;
using namespace nai::source;

namespace {

const std::string k_model = "nim/meta/llama-3_1-8b-instruct";
const std::string k_base = "ngc/hub/models--nim--meta--llama-3_1-8b-instruct/";

using Names = std::map<std::string, std::string>;  // file to blob

CachedFile file(const std::string& version, const std::string& path, const std::string& etag) {
  return {.repository = k_model,
          .revision = version,
          .snapshot = version,
          .path = path,
          .etag = etag,
          .size = 3,
          .digest = digest::Digest::of_size(3),
          .origin = ""};
}

// The version of a listing that was seen of a real cache, made anew and looked at from outside.
void check_version(const std::string& version, const Names& names) {
  CacheLayout layout;
  for (const auto& [path, etag] : names) {
    layout.add("ngc/hub", file(version, path, etag));
  }
  layout.add_directory("ngc/hub/tmp");
  Manifest manifest;
  std::vector<StagedFile> files;
  layout.finish(manifest, files);

  const test::TemporaryDirectory directory;
  const storage::Layout volume(directory.path());
  std::filesystem::create_directories(volume.model_files());
  storage::Arrangement arrangement{.links = {}, .texts = {}, .directories = manifest.directories};
  for (const Artifact& artifact : manifest.artifacts) {
    std::filesystem::create_directories(volume.model_file(artifact.path).parent_path());
    test::write_file(volume.model_file(artifact.path), artifact.path);
  }
  for (const Link& link : manifest.links) {
    arrangement.links.push_back({link.path, link.target});
  }
  for (const Reference& reference : manifest.references) {
    arrangement.texts.push_back({reference.path, reference.text});
  }
  storage::arrange(volume, arrangement);
  CHECK(storage::is_arranged(volume, arrangement));
  CHECK(std::filesystem::is_directory(volume.model_files() / "ngc/hub/tmp"));
  CHECK(test::read_file(volume.model_files() / (k_base + "refs/" + version)) == version);
  const test::HubCacheReader reader(volume.model_files() / "ngc/hub");
  for (const auto& [path, etag] : names) {
    const auto link = volume.model_files() / (k_base + "snapshots/" + version) / path;
    std::string up = "../../";
    if (path.find('/') != std::string::npos) {
      up += "../";
    }
    CHECK(std::filesystem::read_symlink(link) == up + "blobs/" + etag);
    const auto found = reader.get(k_model, version, path);
    REQUIRE(found);
    CHECK(test::read_file(*found) == k_base + "blobs/" + etag);
  }
}

}  // namespace

TEST_CASE("the cache of image 1.1.2 on an L40S, as it was seen") {
  check_version("0.11.1+ba20956e-l40sx1-bf16-throughput.1.1.0.17088220",
                {{"LICENSE.txt", "6e7e0309232a0651ebe8764260b49162"},
                 {"NOTICE.txt", "5c221c009c69567afba7163734eb95a8"},
                 {"checksums.blake3", "369b581ab49bcb3d5551e8c082b9d516"},
                 {"config.json", "a649e60d70d87e2b123f1ed24c222e2e"},
                 {"metadata.json", "25aae128e31869bb836248c33c59e164"},
                 {"rank0.engine", "3e710a79e58ddecbe63a8dffa7464658-3091"}});
  check_version("hf-8c22764-b",
                {{"LICENSE.txt", "0355b8d0421a12e6aeb6a2e9ef42ae60"},
                 {"NOTICE.txt", "a7499c87e4986a94bc926ff275504263"},
                 {"checksums.blake3", "6c30a70bdbf21dc4c3aed39feeb6e8dc"},
                 {"config.json", "345ce8cb29fb80a99a92360c273d8ed7"},
                 {"generation_config.json", "a39e568b378709a9506dec28eab83355"},
                 {"model-00001-of-00004.safetensors", "ed9147704d75245e635ad820861d0068"},
                 {"model-00002-of-00004.safetensors", "482d4c761ce2442b9a68f1fc6727117c"},
                 {"model-00003-of-00004.safetensors", "08014de2630c908391417cbc176fae24"},
                 {"model-00004-of-00004.safetensors", "f17f909cbc8a8e4f986ca3b1057ff378"},
                 {"model.safetensors.index.json", "b886348a7506a562c510ab622d73a865"},
                 {"special_tokens_map.json", "ceb6aa959da9bd566aa39e1ae46fb7fa"},
                 {"tokenizer.json", "8fa0449aef3b95419ce116f3eedd0a68"},
                 {"tokenizer_config.json", "a5a5ca0521a574787a0ea35d7392f5c0"},
                 {"tool_use_config.json", "b96bd1d7641ba13643cc5b5887e4a2f5"}});
}

TEST_CASE("the caches of images 1.2 and 1.3.3, as they were seen") {
  // Which shard has which blob follows from the sizes; the other files' tags were not published.
  check_version("hf-8c22764-nim1.2",
                {{"model-00001-of-00004.safetensors", "2f9b1fc2567e0464c6f0091571f0b026-949"},
                 {"model-00002-of-00004.safetensors", "48baa16e45dad0432ae9128867df6910-953"},
                 {"model-00003-of-00004.safetensors", "ae11ac3e9de8ad9f5255b00059fae525-937"},
                 {"model-00004-of-00004.safetensors", "86a60d10acf31d1ab72398cec69d2e42-223"},
                 {"tokenizer.json", "4731358b77ec5a2ba554b4aca0542a80-2"}});
  check_version("hf-8c22764-nim1.3b",
                {{"LICENSE.txt", "3cd9c71fda5c30fd224140dfec0cd6f3"},
                 {"NOTICE.txt", "c67fa93728e8b46b192ff4f685802d5e"},
                 {"tokenizer_config.json", "523573f406014bef4ce6d8fec12d218c"},
                 {"tool_use_config.json", "f08779fe481535c7bac34e5534353ea1"}});
}

TEST_CASE("files in directories have longer links") {
  check_version("v1", {{"a/b.json", "3cd9c71fda5c30fd224140dfec0cd6f3"}});
}

TEST_CASE("one tag for two contents names neither wrongly, one content twice is one blob") {
  CacheLayout layout;
  CachedFile first = file("v", "a", "tag");
  CachedFile same = file("v", "b", "tag");
  CachedFile other = file("v", "c", "tag");
  other.size = 4;
  other.digest = digest::Digest::of_size(4);
  CHECK(layout.add("ngc/hub", first) == k_base + "blobs/tag");
  CHECK(layout.add("ngc/hub", same) == k_base + "blobs/tag");
  CHECK(layout.add("ngc/hub", other) == k_base + "blobs/0000000000000004-4");
  Manifest manifest;
  std::vector<StagedFile> files;
  layout.finish(manifest, files);
  CHECK(manifest.artifacts.size() == 2);
  CHECK(manifest.links.size() == 3);
}

TEST_CASE("names that lead elsewhere are refused") {
  for (const auto& [version, path] : {std::pair<std::string, std::string>{"..", "a"},
                                      {"a/../b", "a"},
                                      {"v", "../x"},
                                      {"v", "/etc/passwd"},
                                      {"v", "a//b"},
                                      {"v", "a\nb"},
                                      {"", "a"},
                                      {"v\n", "a"}}) {
    CacheLayout layout;
    INFO(version << " " << path);
    Manifest manifest;
    std::vector<StagedFile> files;
    const auto make = [&, v = version, p = path] {
      layout.add("ngc/hub", file(v, p, "tag"));
      layout.finish(manifest, files);
    };
    CHECK_THROWS_AS(make(), util::Error);
  }
  CacheLayout layout;
  CachedFile hostile = file("v", "a", "t");
  hostile.repository = "nim/../../etc";
  CHECK_THROWS_AS(layout.add("ngc/hub", hostile), util::Error);
}

TEST_CASE("an arrangement replaces what is in its way, but never follows links") {
  const test::TemporaryDirectory directory;
  const storage::Layout volume(directory.path());
  std::filesystem::create_directories(volume.model_files() / "blobs");
  test::write_file(volume.model_files() / "blobs/x", "content");
  const storage::Arrangement arrangement{.links = {{"snap/f", "../blobs/x"}},
                                         .texts = {{"refs/v", "v"}}};
  std::filesystem::create_directories(volume.model_files() / "snap");
  test::write_file(volume.model_files() / "snap/f", "in the way");
  storage::arrange(volume, arrangement);
  CHECK(storage::is_arranged(volume, arrangement));
  test::write_file(volume.model_files() / "refs/v", "v\n");
  CHECK_FALSE(storage::is_arranged(volume, arrangement));
  storage::arrange(volume, arrangement);
  CHECK(storage::is_arranged(volume, arrangement));

  const storage::Arrangement dangling{.links = {{"snap/g", "../blobs/none"}},
                                      .texts = {{"refs/w", "w"}}};
  CHECK_THROWS_WITH(storage::arrange(volume, dangling), ContainsSubstring("leads to no file"));
  CHECK_FALSE(std::filesystem::exists(volume.model_files() / "refs/w"));

  CHECK(storage::remove_arrangement(volume, arrangement, {}) == 2);
  CHECK_FALSE(std::filesystem::exists(volume.model_files() / "refs"));
  std::filesystem::create_directory_symlink("/tmp", volume.model_files() / "out");
  CHECK_THROWS_AS(storage::arrange(volume, {.links = {}, .texts = {{"out/v", "v"}}}), util::Error);
}
