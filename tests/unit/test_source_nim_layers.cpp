// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <memory>
#include <string>
#include <vector>

#include <nai/util/error.hpp>

#include <source/nim/layer_scan.hpp>

#include "support/mock/nim_content.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai;
using namespace nai::source;

namespace {

constexpr std::uint64_t k_no_limit = std::uint64_t{1} << 30U;
const std::string k_path = "opt/nim/etc/default/model_manifest.yaml";

WantedFiles wanted(const std::string& path = k_path) {
  return {.paths = {path}, .names = {"model_manifest.yaml"}};
}

LayerFacts scan(const std::string& bytes, std::size_t piece = 1'000,
                std::uint64_t limit = k_no_limit) {
  const Blob blob{.digest = *digest::Digest::from_hex(digest::Algorithm::sha256,
                                                      mock::Content::inline_bytes(bytes).sha256()),
                  .size = bytes.size()};
  const WantedFiles files = wanted();
  LayerScan reading(blob, files, limit);
  const auto data = std::as_bytes(std::span(bytes));
  for (std::size_t at = 0; at < data.size(); at += piece) {
    if (!reading.push(data.subspan(at, std::min(piece, data.size() - at)))) {
      break;
    }
  }
  return reading.finish();
}

// The layers, the lowest first, and what becomes of the path.
Lookup find(const std::vector<mock::Tar>& tars, std::vector<std::optional<LayerFacts>>& layers,
            const std::string& path = k_path) {
  layers.clear();
  for (const mock::Tar& tar : tars) {
    layers.emplace_back(scan(tar.bytes()));
  }
  return look_up(layers, wanted(), path);
}

std::string found(const std::vector<mock::Tar>& tars) {
  std::vector<std::optional<LayerFacts>> layers;
  const Lookup lookup = find(tars, layers);
  return lookup.content == nullptr ? "" : *lookup.content;
}

}  // namespace

TEST_CASE("a file is found however the layer is packed, and however it comes") {
  mock::Tar tar;
  tar.file("other", std::string(70'000, 'x')).file("./" + k_path, "the manifest").file("z", "");
  const std::string plain = tar.bytes();
  const std::string two_members = mock::gzip(std::string_view(plain).substr(0, 30'000)) +
                                  mock::gzip(std::string_view(plain).substr(30'000)) +
                                  std::string(100, '\0');
  const std::string two_frames = mock::zstd(std::string_view(plain).substr(0, 30'000)) +
                                 mock::zstd(std::string_view(plain).substr(30'000));
  for (const std::string& bytes : {plain, mock::gzip(plain), two_members, two_frames}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{511}, std::size_t{1} << 20U}) {
      const LayerFacts facts = scan(bytes, piece);
      CHECK(facts.files.at(k_path) == "the manifest");
      CHECK(facts.verified);
    }
  }
}

TEST_CASE("long names of both kinds") {
  const std::string deep =
      std::string(200, 'd') + "/" + std::string(200, 'e') + "/model_manifest.yaml";
  CHECK(scan(mock::Tar().pax_file(deep, "pax").bytes()).files.at(deep) == "pax");
  CHECK(scan(mock::Tar().gnu_file(deep, "gnu").bytes()).files.at(deep) == "gnu");
}

TEST_CASE("upper layers win, hide and remove") {
  const auto with = [](const std::string& text) { return mock::Tar().file(k_path, text); };
  CHECK(found({with("low"), with("high")}) == "high");
  CHECK(found({with("low"), mock::Tar().file("opt/x", "")}) == "low");
  CHECK(found({with("low"), mock::Tar().file("opt/nim/etc/default/.wh.model_manifest.yaml", "")})
            .empty());
  CHECK(found({with("low"), mock::Tar().file("opt/.wh.nim", "")}).empty());
  CHECK(found({with("low"), mock::Tar().file("opt/nim/.wh..wh..opq", "")}).empty());
  CHECK(found({with("low"), mock::Tar().file("opt/nim/.wh..wh..opq", "").file(k_path, "new")}) ==
        "new");
  CHECK(found({with("low"), mock::Tar().file("opt/.wh.nim", ""), with("again")}) == "again");
}

TEST_CASE("links are followed across layers, and never in circles") {
  const mock::Tar target = mock::Tar().file("real/dir/model_manifest.yaml", "linked");
  CHECK(found({target, mock::Tar().symbolic_link("opt/nim/etc/default", "/real/dir")}) == "linked");
  CHECK(found({target, mock::Tar()
                           .symbolic_link("opt/nim", "../middle")
                           .symbolic_link("middle/etc", "/real")
                           .symbolic_link("real/default", "dir")}) == "linked");
  CHECK(found({target, mock::Tar().hard_link(k_path, "real/dir/model_manifest.yaml")}) == "linked");
  CHECK(found({mock::Tar().symbolic_link("opt/nim", "/opt/nim")}).empty());
  CHECK(found({mock::Tar().symbolic_link("opt/a", "nim").symbolic_link("opt/nim", "a")}).empty());
  CHECK(found({mock::Tar().hard_link(k_path, k_path)}).empty());
  CHECK(found({mock::Tar().symbolic_link("opt/nim", "../../../../etc")}).empty());

  std::vector<std::optional<LayerFacts>> layers;
  const Lookup other = find({mock::Tar().symbolic_link(k_path, "manifest-2.yaml")}, layers);
  CHECK(other.needed == "opt/nim/etc/default/manifest-2.yaml");
}

TEST_CASE("entries that lead out of the image are nobody's") {
  const LayerFacts facts =
      scan(mock::Tar().file("../../model_manifest.yaml", "evil").file("a/../../b", "").bytes());
  CHECK(facts.files.empty());
  CHECK(normalize_path("a/./b//../c") == "a/c");
  CHECK_FALSE(normalize_path("a/../../b"));
}

TEST_CASE("a bomb stops at the limit") {
  const std::string bomb = mock::gzip(std::string(std::size_t{20} << 20U, '\0') + "x");
  CHECK(bomb.size() < 200'000);
  const std::string tar = mock::Tar().file("big", std::string(std::size_t{5} << 20U, '\0')).bytes();
  CHECK_THROWS_WITH(scan(mock::gzip(tar), 1'000, std::size_t{1} << 20U),
                    ContainsSubstring("unpacks to more than"));
  // Zeros are the end of an archive; what comes behind is not even unpacked.
  CHECK(scan(bomb, 1'000, std::size_t{1} << 20U).files.empty());
}

TEST_CASE("what is no archive, or damaged, is told") {
  CHECK_THROWS_WITH(scan(std::string(2'000, 'q')), ContainsSubstring("no tar archive"));
  std::string damaged = mock::gzip(mock::Tar().file("a", std::string(50'000, 'y')).bytes());
  damaged[damaged.size() / 2] = static_cast<char>(~damaged[damaged.size() / 2]);
  damaged[damaged.size() / 2 + 1] = static_cast<char>(~damaged[damaged.size() / 2 + 1]);
  CHECK_THROWS_AS(scan(damaged), util::Error);
  std::string zstd = mock::zstd(mock::Tar().file("a", "b").bytes());
  zstd.insert(6, "garbage");
  CHECK_THROWS_AS(scan(zstd), util::Error);
  CHECK(scan("").files.empty());

  const std::string bytes = mock::Tar().file(k_path, "x").bytes();
  const Blob wrong{
      .digest = *digest::Digest::from_hex(digest::Algorithm::sha256, std::string(64, '0')),
      .size = bytes.size()};
  const WantedFiles files = wanted();
  LayerScan reading(wrong, files, k_no_limit);
  reading.push(std::as_bytes(std::span(bytes)));
  CHECK_THROWS_WITH(reading.finish(), ContainsSubstring("came with digest"));
}

TEST_CASE("of a large layer no more is read than it takes") {
  const std::string head = mock::Tar().file(k_path, "early").bytes();
  const Blob large{
      .digest = *digest::Digest::from_hex(digest::Algorithm::sha256, std::string(64, '0')),
      .size = std::uint64_t{3} << 30U};
  const WantedFiles files = wanted();
  LayerScan reading(large, files, k_no_limit);
  CHECK_FALSE(reading.push(std::as_bytes(std::span(head))));
  const LayerFacts facts = reading.finish();
  CHECK(facts.files.at(k_path) == "early");
  CHECK_FALSE(facts.verified);
}

TEST_CASE("links and manifests without end do not fill the memory") {
  const auto kept = [](const mock::Tar& tar) {
    const std::string bytes = tar.bytes();
    const Blob blob{.digest = *digest::Digest::from_hex(
                        digest::Algorithm::sha256, mock::Content::inline_bytes(bytes).sha256()),
                    .size = bytes.size()};
    WantedFiles files = wanted();
    files.budget = 10'000;
    LayerScan reading(blob, files, k_no_limit);
    reading.push(std::as_bytes(std::span(bytes)));
    CHECK(reading.is_intact());
    CHECK(reading.kept_bytes() < 20'000);
    return reading.finish();
  };
  mock::Tar links;
  mock::Tar whiteouts;
  mock::Tar manifests;
  for (int i = 0; i < 100; ++i) {
    const std::string name = std::to_string(i);
    links.symbolic_link("l" + name, "t");
    whiteouts.file(name + "/.wh..wh..opq", "");
    manifests.file(name + "/model_manifest.yaml", std::string(1'000, 'x'));
  }
  for (const mock::Tar& tar : {links, whiteouts, manifests}) {
    CHECK_THROWS_WITH(kept(tar), ContainsSubstring("more links and manifests than make sense"));
  }
  // A name that no file system takes is passed over.
  CHECK(kept(mock::Tar().pax_file(std::string(5'000, 'd') + "/model_manifest.yaml", "x"))
            .files.empty());
}

TEST_CASE("a manifest that is larger than any is told, not passed over") {
  mock::Tar tar;
  tar.file(k_path, std::string((std::size_t{64} << 20U) + 1, ' '));
  CHECK_THROWS_WITH(scan(tar.bytes(), std::size_t{1} << 20U),
                    ContainsSubstring("more than makes sense"));
}

TEST_CASE("old sparse files with a map of many parts are passed over") {
  std::string bytes = mock::Tar().sparse_file("sparse", "data", 2).bytes();
  bytes = bytes.substr(0, bytes.size() - 1024) + mock::Tar().file(k_path, "behind").bytes();
  CHECK(scan(bytes).files.at(k_path) == "behind");
  CHECK(scan(bytes, 7).files.at(k_path) == "behind");
}
