// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/hub_cache.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iterator>

#include <catch2/catch_test_macros.hpp>

#include "support/temporary_directory.hpp"

using namespace nai;
namespace fs = std::filesystem;

namespace {

const std::string k_commit(40, 'c');
const std::string k_other_commit(40, 'd');
const std::string k_sha256(64, 'a');
const std::string k_sha1(40, 'b');

struct Fixture {
  Fixture() {
    fs::create_directory(layout.model_files());
    fs::create_directory(layout.hf_cache());
  }
  storage::RecordedFile add(const std::string& path, std::string_view digest) {
    test::write_file(layout.model_file(path), "content");
    return {path, 7, digest::Digest::parse(digest).value(), 1};
  }
  void build(const std::vector<storage::RecordedFile>& files, const std::string& ref = "main") {
    storage::build_hub_cache(layout, {"org/model", k_commit, ref}, files);
  }
  [[nodiscard]] std::vector<fs::path> candidates(const std::string& path,
                                                 std::string_view digest) const {
    return storage::FoundContent(layout).candidates(
        {path, 7, digest::Digest::parse(digest).value()});
  }

  test::TemporaryDirectory directory;
  storage::Layout layout{directory.path()};
  fs::path root = layout.hf_cache() / "models--org--model";
};

bool same_bytes(const fs::path& a, const fs::path& b) { return fs::equivalent(a, b); }

}  // namespace

TEST_CASE("A hub cache shares the bytes of model-files", "[storage]") {
  Fixture fixture;
  const auto weights = fixture.add("sub/model.safetensors", "sha256:" + k_sha256);
  const auto config = fixture.add("config.json", "git-sha1:" + k_sha1);
  const auto copy = fixture.add("copy.json", "git-sha1:" + k_sha1);
  fixture.build({weights, config, copy});
  const auto snapshot = fixture.root / "snapshots" / k_commit;
  CHECK(fs::read_symlink(snapshot / "config.json") == "../../blobs/" + k_sha1);
  CHECK(fs::read_symlink(snapshot / "copy.json") == "../../blobs/" + k_sha1);
  CHECK(fs::read_symlink(snapshot / "sub/model.safetensors") == "../../../blobs/" + k_sha256);
  CHECK(same_bytes(snapshot / "sub/model.safetensors",
                   fixture.layout.model_file("sub/model.safetensors")));
  CHECK_FALSE(fs::is_symlink(fixture.root / "blobs" / k_sha1));
  // No line end: readers compare it as it is.
  CHECK(test::read_file(fixture.root / "refs/main") == k_commit);
}

TEST_CASE("A name as long as names can be has its place in a hub cache too", "[storage]") {
  Fixture fixture;
  const std::string name(255, 'n');
  fixture.build({fixture.add(name, "sha256:" + k_sha256)});
  const auto snapshot = fixture.root / "snapshots" / k_commit;
  CHECK(same_bytes(snapshot / name, fixture.layout.model_file(name)));
  CHECK(std::distance(fs::directory_iterator(snapshot), fs::directory_iterator()) == 1);
}

TEST_CASE("What is in place already is not touched, what is not shared is replaced", "[storage]") {
  Fixture fixture;
  const auto config = fixture.add("config.json", "git-sha1:" + k_sha1);
  const auto blob = fixture.root / "blobs" / k_sha1;
  test::write_file(blob, "content");  // a second copy, as huggingface_hub leaves it
  fixture.build({config});
  CHECK(same_bytes(blob, fixture.layout.model_file("config.json")));
  struct stat before {};
  struct stat after {};
  REQUIRE(::stat((fixture.root / "blobs").c_str(), &before) == 0);
  fixture.build({config});
  REQUIRE(::stat((fixture.root / "blobs").c_str(), &after) == 0);
  CHECK(before.st_mtim.tv_sec == after.st_mtim.tv_sec);
  CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
}

TEST_CASE("A hub cache has no other commit, reference or blob left", "[storage]") {
  Fixture fixture;
  const auto config = fixture.add("config.json", "git-sha1:" + k_sha1);
  test::write_file(fixture.root / "blobs" / std::string(40, 'e'), "old");
  test::write_file(fixture.root / "blobs" / (k_sha1 + ".incomplete"), "half");
  test::write_file(fixture.root / "snapshots" / k_other_commit / "config.json", "old");
  test::write_file(fixture.root / "snapshots" / k_commit / "left-out.bin", "old");
  test::write_file(fixture.root / "refs/v1", k_other_commit);
  test::write_file(fixture.root / "refs/same", k_commit);
  test::write_file(fixture.root / "trees" / (k_other_commit + ".json"), "{}");
  test::write_file(fixture.root / "trees" / (k_commit + ".json"), "{}");
  test::write_file(fixture.layout.hf_cache() / "models--org--other/blobs/x", "another model's");
  SECTION("of a branch") { fixture.build({config}, "refs/pr/1"); }
  SECTION("of a commit") { fixture.build({config}, ""); }
  CHECK(std::distance(fs::directory_iterator(fixture.root / "blobs"), {}) == 1);
  CHECK(std::distance(fs::directory_iterator(fixture.root / "snapshots"), {}) == 1);
  CHECK_FALSE(fs::exists(fixture.root / "snapshots" / k_commit / "left-out.bin"));
  CHECK_FALSE(fs::exists(fixture.root / "refs/v1"));
  CHECK(fs::exists(fixture.root / "refs/same"));
  CHECK_FALSE(fs::exists(fixture.root / "trees" / (k_other_commit + ".json")));
  CHECK(fs::exists(fixture.root / "trees" / (k_commit + ".json")));
  CHECK(fs::exists(fixture.layout.hf_cache() / "models--org--other/blobs/x"));
}

TEST_CASE("A reference that is no path stays unwritten", "[storage]") {
  Fixture fixture;
  fixture.build({fixture.add("config.json", "git-sha1:" + k_sha1)}, "../../escaped");
  CHECK_FALSE(fs::exists(fixture.layout.hf_cache() / "escaped"));
  CHECK(fs::is_empty(fixture.root / "refs"));
}

TEST_CASE("Content is found by its entity tag wherever a hub cache may be", "[storage]") {
  Fixture fixture;
  const auto place = [&]() -> fs::path {
    SECTION("in hf_cache") { return "hf_cache/models--org--model/blobs/" + k_sha256; }
    SECTION("in its hub") { return "hf_cache/hub/models--org--model/blobs/" + k_sha256; }
    SECTION("on the volume") { return "models--org--renamed/blobs/" + k_sha256; }
    SECTION("in its hub") { return "hub/models--org--model/blobs/" + k_sha256; }
    SECTION("complete, but for its name") {
      return "hf_cache/models--org--model/blobs/" + k_sha256 + ".incomplete";
    }
    SECTION("the same of newer versions") {
      return "hf_cache/models--org--model/blobs/" + k_sha256 + ".0123abcd.incomplete";
    }
    SECTION("the same below model-files") {
      return "model-files/.cache/huggingface/download/sub/AbC_-9=." + k_sha256 + ".incomplete";
    }
    SECTION("as a file of a snapshot") {
      return "hf_cache/models--org--model/snapshots/" + k_commit + "/sub/a.bin";
    }
    return {};
  }();
  if (place.empty()) {
    return;
  }
  const auto found = fs::canonical(fixture.directory.path()) / place;
  test::write_file(found, "content");
  CHECK(fixture.candidates("sub/a.bin", "sha256:" + k_sha256) == std::vector{found});
  // Of another size, or under a digest that names no file on the Hub.
  test::write_file(found, "other content");
  CHECK(fixture.candidates("sub/a.bin", "sha256:" + k_sha256).empty());
  CHECK(fixture.candidates("sub/a.bin", "blake3:" + k_sha256).empty());
}

TEST_CASE("A blob that is a link is followed, but not to model-files", "[storage]") {
  Fixture fixture;
  const auto blobs = fixture.root / "blobs";
  fs::create_directories(blobs);
  SECTION("to a blob that repositories share") {
    const auto shared = fs::canonical(fixture.layout.hf_cache()) / "shared";
    test::write_file(shared, "content");
    fs::create_symlink(shared, blobs / k_sha256);
    CHECK(fixture.candidates("a.bin", "sha256:" + k_sha256) == std::vector{shared});
  }
  SECTION("to the file itself") {
    fixture.add("a.bin", "sha256:" + k_sha256);
    fs::create_symlink("../../../model-files/a.bin", blobs / k_sha256);
    CHECK(fixture.candidates("a.bin", "sha256:" + k_sha256).empty());
  }
  SECTION("to nothing") {
    fs::create_symlink("nowhere", blobs / k_sha256);
    CHECK(fixture.candidates("a.bin", "sha256:" + k_sha256).empty());
  }
  SECTION("to a device") {
    fs::create_symlink("/dev/zero", blobs / k_sha256);
    CHECK(fixture.candidates("a.bin", "sha256:" + k_sha256).empty());
  }
}
