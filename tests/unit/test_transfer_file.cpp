// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <nai/digest/block_checksum.hpp>
#include "storage/content_file.hpp"
#include "support/captured_log.hpp"
#include "support/fake_source.hpp"
#include "support/temporary_directory.hpp"
#include "transfer/block_pool.hpp"
#include "transfer/file_transfer.hpp"

using namespace nai;
using storage::ContentFile;
using transfer::BlockPool;
using transfer::FileTransfer;
using Next = FileTransfer::Next;

namespace {

constexpr std::size_t k_block = 4096;

Next take_block(FileTransfer& file, BlockPool::Block& block, std::size_t length,
                std::uint64_t offset) {
  return file.take_block(block, length, offset,
                         digest::block_checksum(block.bytes().first(length)));
}

// One file of three and a half blocks, written block by block in an order of the test's choice.
struct Fixture {
  explicit Fixture(
      std::size_t spare_blocks, std::function<bool()> in_pairs = [] { return false; })
      : pool(k_block, spare_blocks),
        file({.path = "a.bin", .size = content.size(), .digest = test::digest_of(content)}, {},
             pool, progress, std::move(in_pairs)) {
    volume.prepare_state();
    volume.prepare_directories();
    file.open(volume, true, {});
    REQUIRE(file.begin() == Next::nothing);
  }

  Next take(std::size_t number) {
    const std::size_t offset = number * k_block;
    const std::size_t length = std::min(k_block, content.size() - offset);
    std::copy_n(reinterpret_cast<const std::byte*>(content.data()) + offset, length,
                block.bytes().data());
    return take_block(file, block, length, offset);
  }

  Next catch_up() {
    std::vector<std::byte> buffer(k_block);
    return file.catch_up(buffer, {});
  }

  const std::string content = test::content_of(3 * k_block + k_block / 2 + 1);
  test::TemporaryDirectory directory;
  test::CapturedLog log;
  storage::Volume volume{directory.path(), log};
  transfer::Progress progress;
  BlockPool pool;
  BlockPool::Block block = pool.take();
  FileTransfer file;
};

bool wait() { return true; }

}  // namespace

TEST_CASE("blocks that come early are hashed from memory in their turn") {
  Fixture f(4);
  CHECK(f.take(2) == Next::nothing);
  CHECK(f.take(1) == Next::nothing);
  CHECK(f.take(3) == Next::nothing);
  REQUIRE(f.take(0) == Next::catch_up);
  REQUIRE(f.catch_up() == Next::complete);
  CHECK(f.file.digest() == test::digest_of(f.content));
  CHECK(f.progress.bytes_read_back == 0);
  CHECK(f.progress.bytes_hashed == f.content.size());
}

TEST_CASE("blocks that there is no memory for are read back") {
  Fixture f(2);  // the block being filled, and one early one
  CHECK(f.take(2) == Next::nothing);
  CHECK(f.take(1) == Next::nothing);
  CHECK(f.take(3) == Next::nothing);
  REQUIRE(f.take(0) == Next::catch_up);
  REQUIRE(f.catch_up() == Next::complete);
  CHECK(f.file.digest() == test::digest_of(f.content));
  CHECK(f.progress.bytes_read_back == f.content.size() - 2 * k_block);
}

TEST_CASE("two files whose next blocks are in memory are hashed together") {
  const auto in_pairs = [] { return true; };
  Fixture a(8, in_pairs);
  Fixture b(8, in_pairs);
  CHECK(a.take(1) == Next::nothing);
  REQUIRE(a.take(0) == Next::ready);
  CHECK(a.take(2) == Next::nothing);
  REQUIRE(b.take(0) == Next::ready);
  CHECK(a.progress.bytes_hashed == 0);
  // What came early is ready next.
  CHECK(FileTransfer::hash_ready(a.file, b.file) == std::pair(Next::ready, Next::nothing));
  CHECK(a.progress.bytes_hashed == k_block);
  CHECK(b.progress.bytes_hashed == k_block);
  REQUIRE(a.file.hash_ready(wait) == Next::ready);
  REQUIRE(b.take(1) == Next::ready);
  CHECK(b.take(2) == Next::nothing);
  CHECK(b.take(3) == Next::nothing);
  CHECK(FileTransfer::hash_ready(a.file, b.file) == std::pair(Next::nothing, Next::ready));
  REQUIRE(a.take(3) == Next::ready);
  CHECK(FileTransfer::hash_ready(b.file, a.file) == std::pair(Next::ready, Next::complete));
  REQUIRE(b.file.hash_ready(wait) == Next::complete);
  CHECK(a.file.digest() == test::digest_of(a.content));
  CHECK(b.file.digest() == test::digest_of(b.content));
  CHECK(a.progress.bytes_read_back + b.progress.bytes_read_back == 0);
}

TEST_CASE("a file that is hashed alone does not wait for a second one at every block") {
  Fixture f(8, [] { return true; });
  REQUIRE(f.take(0) == Next::ready);
  CHECK(f.take(1) == Next::nothing);
  CHECK(f.take(2) == Next::nothing);
  SECTION("while there is no memory to wait with") {
    REQUIRE(f.file.hash_ready([] { return false; }) == Next::nothing);
    CHECK(f.progress.bytes_hashed == 3 * k_block);
  }
  SECTION("until it shall wait") {
    REQUIRE(f.file.hash_ready(wait) == Next::ready);
    CHECK(f.progress.bytes_hashed == k_block);
  }
}

TEST_CASE("memory is scarce when more than half of it is in use") {
  BlockPool pool(k_block, 4);
  std::vector<BlockPool::Block> blocks;
  blocks.push_back(pool.try_take());
  blocks.push_back(pool.try_take());
  CHECK_FALSE(pool.is_scarce());
  blocks.push_back(pool.try_take());
  CHECK(pool.is_scarce());
  blocks.pop_back();
  CHECK_FALSE(pool.is_scarce());
}

TEST_CASE("a block that cannot wait for a pair is hashed at once") {
  bool others = true;
  Fixture f(1, [&] { return others; });  // the block being filled, and no other
  CHECK(f.take(0) == Next::nothing);
  CHECK(f.progress.bytes_hashed == k_block);
  Fixture roomy(8, [&] { return others; });
  others = false;
  CHECK(roomy.take(0) == Next::nothing);
  CHECK(roomy.progress.bytes_hashed == k_block);
}

TEST_CASE("a verifier leaves to pairs what is in memory") {
  bool others = false;
  Fixture f(2, [&] { return others; });
  CHECK(f.take(2) == Next::nothing);
  CHECK(f.take(1) == Next::nothing);  // there is no memory for it
  REQUIRE(f.take(0) == Next::catch_up);
  others = true;
  REQUIRE(f.catch_up() == Next::ready);
  CHECK(f.progress.bytes_hashed == 2 * k_block);
  CHECK(f.progress.bytes_read_back == k_block);
  REQUIRE(f.file.hash_ready(wait) == Next::nothing);
  REQUIRE(f.take(3) == Next::ready);
  REQUIRE(f.file.hash_ready(wait) == Next::complete);
  CHECK(f.file.digest() == test::digest_of(f.content));
}

TEST_CASE("what a killed run had hashed is not hashed again, but for the last piece") {
  constexpr std::size_t k_large_block = std::size_t{1} << 20U;
  constexpr std::uint64_t k_blocks = 70;
  constexpr std::uint64_t k_size = 80 * k_large_block;
  test::TemporaryDirectory directory;
  test::CapturedLog log;
  storage::Volume volume{directory.path(), log};
  volume.prepare_state();
  volume.prepare_directories();
  BlockPool pool(k_large_block, 2);
  const storage::FileIdentity identity{
      .path = "a.bin", .size = k_size, .digest = test::digest_of("whatever")};
  {
    transfer::Progress progress;
    FileTransfer file(identity, {}, pool, progress);
    file.open(volume, true, {});
    REQUIRE(file.begin() == Next::nothing);
    BlockPool::Block block = pool.take();
    std::fill(block.bytes().begin(), block.bytes().end(), std::byte{7});
    for (std::uint64_t i = 0; i < k_blocks; ++i) {
      REQUIRE(take_block(file, block, k_large_block, i * k_large_block) == Next::nothing);
    }
    REQUIRE(progress.bytes_hashed == k_blocks * k_large_block);
  }
  transfer::Progress progress;
  FileTransfer file(identity, {}, pool, progress);
  file.open(volume, true, {});
  CHECK(file.present_bytes() == k_blocks * k_large_block);
  REQUIRE(file.begin() == Next::catch_up);
  std::vector<std::byte> buffer(k_large_block);
  CHECK(file.catch_up(buffer, {}) == Next::nothing);
  CHECK(progress.bytes_hashed == 6 * k_large_block);
}

TEST_CASE("nobody waits for ever for a checksum that stands still") {
  Fixture f(2);
  CHECK(f.take(1) == Next::nothing);
  REQUIRE(f.take(0) == Next::catch_up);
  CHECK(f.take(2) == Next::nothing);
  CHECK(f.take(3) == Next::nothing);
  REQUIRE(f.catch_up() == Next::complete);
  CHECK(f.file.digest() == test::digest_of(f.content));
  CHECK(f.progress.bytes_read_back > 0);
}

TEST_CASE("a worker waits for the checksum of this run, however far behind") {
  constexpr std::size_t k_large_block = std::size_t{1} << 20U;
  constexpr std::uint64_t k_far = 200 * k_large_block;
  test::TemporaryDirectory directory;
  if (!ContentFile::create(directory.path() / "probe", k_large_block, ContentFile::Way::direct)
           ->is_direct()) {
    SKIP("no direct writes here");
  }
  test::CapturedLog log;
  storage::Volume volume{directory.path(), log};
  volume.prepare_state();
  volume.prepare_directories();
  BlockPool pool(k_large_block, 3);  // the two below, and one that waits for the checksum
  BlockPool::Block near = pool.take();
  BlockPool::Block far = pool.take();
  transfer::Progress progress;
  FileTransfer file(
      {.path = "a.bin", .size = k_far + k_large_block, .digest = test::digest_of("whatever")}, {},
      pool, progress);
  file.open(volume, true, {});
  REQUIRE(file.begin() == Next::nothing);
  REQUIRE(take_block(file, near, k_large_block, k_large_block) == Next::nothing);
  REQUIRE(take_block(file, near, k_large_block, 0) == Next::catch_up);
  Next next = Next::ready;
  std::jthread worker([&] { next = take_block(file, far, k_large_block, k_far); });
  while (progress.bytes_present < 3 * k_large_block) {
    std::this_thread::yield();
  }
  std::vector<std::byte> buffer(k_large_block);
  REQUIRE(file.catch_up(buffer, {}) == Next::nothing);
  worker.join();
  CHECK(next == Next::nothing);
  CHECK_FALSE(pool.try_take());  // it waits in memory
}

TEST_CASE(
    "a tmpfs is not asked to reserve, but a file that it has no room for is refused at once") {
  const std::filesystem::path memory = "/dev/shm";
  struct statfs status {};
  if (::statfs(memory.c_str(), &status) != 0 || status.f_type != TMPFS_MAGIC ||
      status.f_blocks == 0) {
    SKIP("there is no tmpfs here");
  }
  const auto path = memory / ("nai-test-" + std::to_string(::getpid()));
  const auto file = ContentFile::create(path, 1U << 20U, ContentFile::Way::direct);
  const auto made = file->status();
  CHECK(std::filesystem::remove(path));
  CHECK(made.st_size == 1U << 20U);
  CHECK(made.st_blocks == 0);
  CHECK_FALSE(file->is_direct());
  const std::uint64_t too_much =
      status.f_blocks * static_cast<std::uint64_t>(status.f_bsize) + 4096;
  CHECK_THROWS_WITH(ContentFile::create(path, too_much, ContentFile::Way::direct),
                    Catch::Matchers::ContainsSubstring("cannot reserve"));
  std::filesystem::remove(path);
}

TEST_CASE("a pool uses memory again, and refuses spare blocks above its limit") {
  BlockPool pool(k_block, 2);
  BlockPool::Block first = pool.take();
  BlockPool::Block second = pool.try_take();
  CHECK(second);
  CHECK_FALSE(pool.try_take());
  CHECK(pool.take());  // a worker's own is never refused
  const auto* memory = second.bytes().data();
  CHECK(reinterpret_cast<std::uintptr_t>(memory) % ContentFile::k_alignment == 0);
  second.reset();
  CHECK(pool.try_take().bytes().data() == memory);
}

TEST_CASE("content is the same whether it went past the page cache or through it") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "content";
  const std::string content = test::content_of(5 * k_block + 100);
  BlockPool pool(2 * k_block, 1);
  const BlockPool::Block block = pool.take();
  const auto file = ContentFile::create(path, content.size(), ContentFile::Way::direct);
  // Aligned pieces, one that begins beside a border, and the end of the file.
  const std::vector<util::ByteRange> pieces{{0, 2 * k_block},
                                            {2 * k_block, 100},
                                            {2 * k_block + 100, k_block},
                                            {3 * k_block + 100, k_block - 100},
                                            {4 * k_block, k_block},
                                            {5 * k_block, 100}};
  for (const util::ByteRange& piece : pieces) {
    std::copy_n(reinterpret_cast<const std::byte*>(content.data()) + piece.offset, piece.length,
                block.bytes().data());
    file->write(block.bytes().first(piece.length), piece.offset);
  }
  file->sync();
  CHECK(test::read_file(path) == content);
  for (const util::ByteRange& piece : pieces) {
    const auto data = block.bytes().first(piece.length);
    REQUIRE(file->read(data, piece.offset) == piece.length);
    CHECK(std::string(reinterpret_cast<const char*>(data.data()), data.size()) ==
          content.substr(piece.offset, piece.length));
  }
  CHECK(file->read(block.bytes(), 4 * k_block) == k_block + 100);
  CHECK(ContentFile::open(directory.path() / "nothing", ContentFile::Way::direct) == nullptr);
}
