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

// One version, made and looked at from outside.
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
