// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <span>
#include <vector>

#include <nai/digest/hasher.hpp>

using namespace nai::digest;

namespace {

// The input that BLAKE3's published test vectors use.
std::vector<std::byte> input(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(i % 251);
  }
  return bytes;
}

struct Vector {
  std::size_t size;
  const char* hex;
};

// The lengths around blocks, chunks and subtrees; values from the reference implementation's tool.
const std::vector<Vector>& vectors() {
  static const std::vector<Vector> k_vectors{
      {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
      {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
      {63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b"},
      {64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98"},
      {65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee"},
      {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
      {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
      {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
      {2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
      {3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"},
      {8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"},
      {31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"},
      {102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"}};
  return k_vectors;
}

}  // namespace

TEST_CASE("blake3: the published vectors") {
  for (const Vector& vector : vectors()) {
    INFO(vector.size);
    Hasher hasher(Algorithm::blake3, vector.size);
    hasher.update(input(vector.size));
    CHECK(hasher.digest().to_string() == "blake3:" + std::string(vector.hex));
  }
}

TEST_CASE("blake3: a state that was saved anywhere goes on to the same digest") {
  const Vector& vector = vectors().back();
  const auto bytes = input(vector.size);
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{65}, std::size_t{1024},
        std::size_t{1025}, std::size_t{7168}, std::size_t{50'000}, vector.size}) {
    INFO(at);
    Hasher first(Algorithm::blake3, vector.size);
    for (std::size_t done = 0; done < at; done += 777) {
      first.update(std::span(bytes).subspan(done, std::min<std::size_t>(777, at - done)));
    }
    auto second = Hasher::restore(Algorithm::blake3, vector.size, first.save());
    REQUIRE(second);
    CHECK(second->position() == at);
    second->update(std::span(bytes).subspan(at));
    CHECK(second->digest().hex() == vector.hex);
  }
  CHECK_FALSE(Hasher::restore(Algorithm::sha256, vector.size,
                              Hasher(Algorithm::blake3, vector.size).save()));
}

TEST_CASE("a content without checksum is known by its size alone") {
  Hasher hasher(Algorithm::size_only, 5);
  hasher.update(input(3));
  auto second = Hasher::restore(Algorithm::size_only, 5, hasher.save());
  REQUIRE(second);
  CHECK(second->digest() == Digest::of_size(3));
  second->update(input(2));
  CHECK(second->digest() == Digest::of_size(5));
  CHECK(Digest::parse("size:0000000000000005") == Digest::of_size(5));
  CHECK_FALSE(proves_content(Algorithm::size_only));
  CHECK(proves_content(Algorithm::blake3));
}
