// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/digest_trail.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <nai/util/error.hpp>

#include "support/temporary_directory.hpp"

namespace {

using namespace nai;
using storage::DigestTrail;

const digest::Digest k_sha256 = *digest::Digest::parse("sha256:" + std::string(64, 'a'));
constexpr std::uint64_t k_mib = 1U << 20U;

storage::FileIdentity file_of(std::uint64_t size) {
  return {"a/model.safetensors", size, k_sha256};
}

// A checksum that is moved on a MiB at a time, up to `end` of a file of `size` bytes.
void follow_all(DigestTrail& trail, std::uint64_t size, std::uint64_t end = UINT64_MAX) {
  digest::Hasher hasher(digest::Algorithm::sha256, size);
  const std::vector<std::byte> data(k_mib);
  while (hasher.position() < std::min(size, end)) {
    hasher.update(data);
    trail.follow(hasher);
  }
}

}  // namespace

TEST_CASE("A digest trail has a state each 16 MiB, and none at the end", "[storage]") {
  DigestTrail trail(file_of(80 * k_mib));
  follow_all(trail, 80 * k_mib);
  std::vector<std::uint64_t> positions;
  for (const auto& state : trail.states()) {
    positions.push_back(state.position() / k_mib);
  }
  CHECK(positions == std::vector<std::uint64_t>{16, 32, 48, 64});
}

TEST_CASE("A digest trail is kept on the volume", "[storage]") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "digests/a.states";
  const auto file = file_of(80 * k_mib);
  DigestTrail trail(file);
  follow_all(trail, file.size);
  trail.save(path);

  const auto loaded = DigestTrail::load(path, file);
  REQUIRE(loaded.states().size() == 4);
  CHECK(loaded.states()[2].save() == trail.states()[2].save());

  SECTION("what is far too large is not read") {
    std::filesystem::resize_file(path, std::uintmax_t{1} << 40U);
    CHECK_THROWS_AS(DigestTrail::load(path, file), util::Error);
  }
  SECTION("not for another file") {
    CHECK(DigestTrail::load(path, file_of(80 * k_mib + 1)).states().empty());
  }
  SECTION("a damaged line ends it") {
    auto text = test::read_file(path);
    text[text.rfind("sha256;") + 20] ^= 1;
    test::write_file(path, text);
    CHECK(DigestTrail::load(path, file).states().size() == 3);
  }
  SECTION("positions that do not ascend end it") {
    auto text = test::read_file(path);
    test::write_file(path, text + text.substr(text.find('\n') + 1));
    CHECK(DigestTrail::load(path, file).states().size() == 4);
  }
  SECTION("an empty one leaves nothing") {
    trail.clear();
    trail.save(path);
    CHECK_FALSE(std::filesystem::exists(path));
  }
}

TEST_CASE("A digest trail that is written while it grows is there for the next process",
          "[storage]") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "a.states";
  const auto file = file_of(96 * k_mib);
  {
    DigestTrail trail(file);
    trail.write_to(path);
    follow_all(trail, file.size, 70 * k_mib);
  }
  auto trail = DigestTrail::load(path, file);
  REQUIRE(trail.states().size() == 4);

  // The checksum itself came less far.
  trail.cut(40 * k_mib);
  CHECK(trail.states().size() == 2);
  trail.write_to(path);
  digest::Hasher hasher = trail.states().back();
  const std::vector<std::byte> other(20 * k_mib, std::byte{1});
  hasher.update(other);
  trail.follow(hasher);
  const auto again = DigestTrail::load(path, file);
  REQUIRE(again.states().size() == 3);
  CHECK(again.states()[2].save() == hasher.save());

  SECTION("wrong content begins it anew") {
    trail.clear();
    follow_all(trail, file.size, 33 * k_mib);
    CHECK(DigestTrail::load(path, file).states().size() == 2);
  }
  SECTION("a volume that refuses it is no trouble") {
    trail.write_to(directory.path() / "nowhere/a.states");
    trail.clear();
    follow_all(trail, file.size, 33 * k_mib);
    CHECK(trail.states().size() == 2);
  }
}

TEST_CASE("Small files and other digests have no trail", "[storage]") {
  DigestTrail small(file_of(31 * k_mib));
  follow_all(small, 31 * k_mib);
  CHECK(small.states().empty());
  storage::FileIdentity git = file_of(80 * k_mib);
  git.digest = *digest::Digest::parse("git-sha1:" + std::string(40, 'a'));
  DigestTrail other(git);
  follow_all(other, 80 * k_mib);
  CHECK(other.states().empty());
}
