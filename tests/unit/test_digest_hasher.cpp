// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <iomanip>
#include <span>
#include <sstream>
#include <string>

#include <nai/digest/block_checksum.hpp>
#include <nai/digest/hasher.hpp>

#include "digest/xxh3.hpp"

using namespace nai::digest;

namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>(i * 31 + i / 251);
  }
  return text;
}

}  // namespace

TEST_CASE("digests of known content") {
  Hasher sha256(Algorithm::sha256, 3);
  sha256.update(bytes("abc"));
  CHECK(sha256.digest().hex() ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // `printf 'hello\n' | git hash-object --stdin`
  Hasher blob(Algorithm::git_blob_sha1, 6);
  blob.update(bytes("hello\n"));
  CHECK(blob.digest().hex() == "ce013625030ba8dba906f756967f9e9ca394464a");
  CHECK(Hasher(Algorithm::git_blob_sha1, 0).digest().hex() ==
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  // Several times what is fetched into the cache at once, and a rest; by sha256sum and git.
  const std::string content = pattern(5000);
  Hasher long_sha256(Algorithm::sha256, content.size());
  long_sha256.update(bytes(content));
  CHECK(long_sha256.digest().hex() ==
        "ec24bebc7866ac93334f5390b42259dd4277cb69144a83731efcfe73fea0538b");
  Hasher long_blob(Algorithm::git_blob_sha1, content.size());
  long_blob.update(bytes(content));
  CHECK(long_blob.digest().hex() == "e68a85f998a216dae961df844cd78b3c0b0661b2");
}

TEST_CASE("a saved checksum goes on in another process as if nothing had happened") {
  for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::git_blob_sha1}) {
    const std::string content = pattern(1000);
    Hasher whole(algorithm, content.size());
    whole.update(bytes(content));
    for (std::size_t cut = 0; cut <= content.size(); cut += 7) {
      Hasher first(algorithm, content.size());
      first.update(bytes(content).first(cut));
      auto second = Hasher::restore(algorithm, content.size(), first.save());
      REQUIRE(second);
      CHECK(second->position() == cut);
      second->update(bytes(content).subspan(cut));
      REQUIRE(second->digest() == whole.digest());
    }
  }
}

TEST_CASE("two checksums at a time are the same as one after the other") {
  const std::string content = pattern(5000);
  for (const std::size_t cut : {0U, 1U, 63U, 64U, 65U, 127U, 1000U}) {
    for (const std::size_t length : {0U, 1U, 63U, 64U, 65U, 128U, 3000U}) {
      for (const Algorithm other : {Algorithm::sha256, Algorithm::git_blob_sha1}) {
        INFO(cut << " " << length << " " << name(other));
        Hasher first(Algorithm::sha256, content.size());
        Hasher second(other, content.size());
        first.update(bytes(content).first(100));
        second.update(bytes(content).first(cut));
        Hasher expected_first = first;
        Hasher expected_second = second;
        for (int i = 0; i < 2; ++i) {
          Hasher::update_pair(first, bytes(content).first(2000), second,
                              bytes(content).subspan(cut, length));
          expected_first.update(bytes(content).first(2000));
          expected_second.update(bytes(content).subspan(cut, length));
        }
        REQUIRE(first.position() == expected_first.position());
        REQUIRE(second.position() == expected_second.position());
        // The states too, with what a next run would continue from.
        REQUIRE(first.save() == expected_first.save());
        REQUIRE(second.save() == expected_second.save());
        REQUIRE(first.digest() == expected_first.digest());
        REQUIRE(second.digest() == expected_second.digest());
      }
    }
  }
}

TEST_CASE("two checksums at a time count beyond what fits into 32 bits") {
  constexpr std::uint64_t k_size = std::uint64_t{3} << 30U;
  // Just below, and a state as any other.
  const std::string text = "sha256;" + std::to_string(k_size) + ";" +
                           std::to_string((std::uint64_t{1} << 29U) - 128) + ";" +
                           std::string(64, '5') + ";";
  std::ostringstream saved;
  saved << text << ";" << std::hex << std::setw(16) << std::setfill('0')
        << block_checksum(bytes(text));
  const auto begun = Hasher::restore(Algorithm::sha256, k_size, saved.str());
  REQUIRE(begun);
  const std::string content = pattern(1000);
  Hasher first = *begun;
  Hasher second = *begun;
  Hasher expected = *begun;
  Hasher::update_pair(first, bytes(content), second, bytes(content));
  expected.update(bytes(content));
  CHECK(first.digest() == expected.digest());
  CHECK(second.digest() == expected.digest());
}

TEST_CASE("a damaged or foreign state is refused") {
  Hasher hasher(Algorithm::sha256, 100);
  hasher.update(bytes("some content"));
  const std::string saved = hasher.save();
  for (std::size_t i = 0; i < saved.size(); ++i) {
    std::string damaged = saved;
    damaged[i] = damaged[i] == '0' ? '1' : '0';
    INFO(damaged);
    CHECK_FALSE(Hasher::restore(Algorithm::sha256, 100, damaged));
  }
  CHECK_FALSE(Hasher::restore(Algorithm::sha256, 101, saved));
  CHECK_FALSE(Hasher::restore(Algorithm::git_blob_sha1, 100, saved));
  CHECK_FALSE(Hasher::restore(Algorithm::sha256, 100, ""));
  CHECK_FALSE(Hasher::restore(Algorithm::sha256, 100, saved.substr(0, saved.size() - 1)));
}

TEST_CASE("a digest is read only in its own form") {
  const std::string hex(64, 'A');
  CHECK(Digest::from_hex(Algorithm::sha256, hex)->hex() == std::string(64, 'a'));
  CHECK_FALSE(Digest::from_hex(Algorithm::git_blob_sha1, hex));
  CHECK_FALSE(Digest::from_hex(Algorithm::sha256, std::string(64, '*')));
  CHECK(Digest::parse("sha256:" + hex)->to_string() == "sha256:" + std::string(64, 'a'));
  CHECK_FALSE(Digest::parse(hex));
  CHECK_FALSE(Digest::parse("md5:" + hex));
}

TEST_CASE("the block checksum is the same on every processor") {
  const std::string text = pattern(1'000'003);
  CHECK(block_checksum(bytes("abc")) == 0x78af5f94892f3950);
  for (const std::size_t size : {0U, 1U, 16U, 17U, 128U, 240U, 241U, 1024U, 65'537U, 1'000'003U}) {
    INFO(size);
    const std::uint64_t portable = k_xxh3.hash(text.data(), size);
    CHECK(block_checksum(bytes(text).first(size)) == portable);
  }
}

TEST_CASE("a block checksum is the same in pieces") {
  const std::string text = pattern(100'003);
  BlockChecksum pieces;
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{63}, std::size_t{257}, std::size_t{16'384}}) {
    INFO(piece);
    for (auto data = bytes(text); !data.empty();) {
      const auto next = data.first(std::min(piece, data.size()));
      pieces.update(next);
      data = data.subspan(next.size());
    }
    CHECK(pieces.value() == block_checksum(bytes(text)));
    pieces.reset();
  }
  CHECK(pieces.value() == block_checksum({}));
}
