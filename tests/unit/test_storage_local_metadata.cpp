// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/local_metadata.hpp>

#include <sys/stat.h>

#include <filesystem>

#include <catch2/catch_test_macros.hpp>

#include <nai/util/error.hpp>

#include "support/temporary_directory.hpp"

using namespace nai;

namespace {

constexpr std::string_view k_commit = "0123456789abcdef0123456789abcdef01234567";
const std::string k_sha256(64, 'a');
const std::string k_sha1(40, 'b');

storage::RecordedFile file(const std::string& path, std::string_view digest,
                           std::int64_t modified_ns) {
  return {path, 5, digest::Digest::parse(digest).value(), modified_ns};
}

struct Fixture {
  [[nodiscard]] std::filesystem::path metadata(const std::string& path) const {
    return layout.model_files() / ".cache/huggingface/download" / (path + ".metadata");
  }

  test::TemporaryDirectory directory;
  storage::Layout layout{directory.path()};
  bool made = std::filesystem::create_directory(layout.model_files());
};

}  // namespace

TEST_CASE("Metadata tells commit, entity tag and a time that the file is not later than",
          "[storage]") {
  const Fixture fixture;
  storage::write_local_metadata(
      fixture.layout, k_commit,
      {file("model.safetensors", "sha256:" + k_sha256, 1'700'000'000'000'000'001),
       file("sub/config.json", "git-sha1:" + k_sha1, 1'700'000'000'000'000'000)});
  CHECK(test::read_file(fixture.metadata("model.safetensors")) ==
        std::string(k_commit) + "\n" + k_sha256 + "\n1700000001.0\n");
  CHECK(test::read_file(fixture.metadata("sub/config.json")) ==
        std::string(k_commit) + "\n" + k_sha1 + "\n1700000000.0\n");
  // Where 0.23 looks.
  CHECK(test::read_file(fixture.layout.model_files() /
                        ".huggingface/download/sub/config.json.metadata") ==
        std::string(k_commit) + "\n" + k_sha1 + "\n1700000000.0\n");
  CHECK(test::read_file(fixture.layout.model_files() / ".cache/huggingface" / ".gitignore") == "*");
  CHECK(test::read_file(fixture.layout.model_files() / ".cache/huggingface" / "CACHEDIR.TAG")
            .starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
  struct stat status {};
  REQUIRE(::stat(fixture.metadata("sub/config.json").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0644U);
}

TEST_CASE("Metadata of other files and unfinished downloads go, everything else stays",
          "[storage]") {
  const Fixture fixture;
  const auto kept = file("kept.json", "git-sha1:" + k_sha1, 1);
  test::write_file(fixture.metadata("gone.json"), "x\ny\n1\n");
  test::write_file(fixture.metadata("kept.json"), "old");
  const auto download = fixture.layout.model_files() / ".cache/huggingface/download";
  test::write_file(download / "AbC=.aa.incomplete", "half");
  test::write_file(download / "kept.json.lock", "");
  storage::write_local_metadata(fixture.layout, k_commit, {kept});
  CHECK(test::read_file(fixture.metadata("kept.json")).starts_with(k_commit));
  CHECK_FALSE(std::filesystem::exists(fixture.metadata("gone.json")));
  CHECK_FALSE(std::filesystem::exists(download / "AbC=.aa.incomplete"));
  CHECK(std::filesystem::exists(download / "kept.json.lock"));
}

TEST_CASE("Nothing is written where it would be wrong", "[storage]") {
  const Fixture fixture;
  const auto right = file("a.json", "git-sha1:" + k_sha1, 1);
  SECTION("for what is no commit") {
    storage::write_local_metadata(fixture.layout, "main", {right});
  }
  SECTION("where the model has files of its own there") {
    storage::write_local_metadata(fixture.layout, k_commit,
                                  {right, file(".cache/huggingface/x", "git-sha1:" + k_sha1, 1)});
  }
  CHECK(std::filesystem::is_empty(fixture.layout.model_files()));
}

TEST_CASE("A name that has no room for the ending, and a file without a digest, are passed over",
          "[storage]") {
  const Fixture fixture;
  const std::string longest(250, 'n');
  storage::write_local_metadata(fixture.layout, k_commit,
                                {file(longest, "git-sha1:" + k_sha1, 1),
                                 {"sized", 5, digest::Digest::of_size(5), 1},
                                 file("a", "git-sha1:" + k_sha1, 1)});
  CHECK_FALSE(std::filesystem::exists(fixture.metadata("sized")));
  CHECK(std::filesystem::exists(fixture.metadata("a")));
}

TEST_CASE("A link in the way of metadata is not followed", "[storage]") {
  const Fixture fixture;
  const auto outside = fixture.directory.path() / "outside";
  std::filesystem::create_directory(outside);
  std::filesystem::create_directory_symlink(outside, fixture.layout.model_files() / ".cache");
  CHECK_THROWS_AS(
      storage::write_local_metadata(fixture.layout, k_commit, {file("a", "git-sha1:" + k_sha1, 1)}),
      util::Error);
  CHECK(std::filesystem::is_empty(outside));
}
