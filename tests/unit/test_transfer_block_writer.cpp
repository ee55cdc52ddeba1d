// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <stop_token>
#include <string>

#include "support/captured_log.hpp"
#include "support/fake_source.hpp"
#include "support/temporary_directory.hpp"
#include "transfer/block_pool.hpp"
#include "transfer/block_writer.hpp"
#include "transfer/file_transfer.hpp"

using namespace nai;
using transfer::BlockPool;
using transfer::BlockWriter;
using transfer::FileTransfer;

namespace {

constexpr std::size_t k_block = std::size_t{64} << 10U;

// A file of a little less than four blocks, of which a run that is killed writes the beginning.
struct Fixture {
  Fixture() {
    volume.prepare_state();
    volume.prepare_directories();
  }

  // Writes the first `bytes` in pieces; nothing from `cut` on is the worker's to write.
  void run(std::size_t bytes, std::size_t piece, std::uint64_t cut) {
    transfer::Progress progress;
    BlockPool pool(k_block, 4);
    FileTransfer file(identity, {}, pool, progress);
    file.open(volume, true, {});
    BlockPool::Block block = pool.take();
    BlockWriter writer({.file = file,
                        .range = {0, content.size()},
                        .claim = [=](std::uint64_t end) { return std::min(end, cut); },
                        .pace = [](std::size_t) {},
                        .on_block = [](std::size_t, FileTransfer::Next) {}},
                       block, progress, stop);
    auto data = std::as_bytes(std::span(content)).first(bytes);
    while (!data.empty() && writer.write(data.first(std::min(piece, data.size())))) {
      data = data.subspan(std::min(piece, data.size()));
    }
    writer.finish();
  }

  // What a next run believes of it: blocks whose checksums fit.
  [[nodiscard]] std::uint64_t present_bytes() {
    transfer::Progress progress;
    BlockPool pool(k_block, 4);
    FileTransfer file(identity, {}, pool, progress);
    file.open(volume, true, {});
    return file.present_bytes();
  }

  const std::string content = test::content_of(4 * k_block - 5000);
  const storage::FileIdentity identity{
      .path = "a.bin", .size = content.size(), .digest = test::digest_of(content)};
  std::stop_token stop;
  test::TemporaryDirectory directory;
  test::CapturedLog log;
  storage::Volume volume{directory.path(), log};
};

constexpr std::uint64_t k_not_cut = ~std::uint64_t{0};

}  // namespace

TEST_CASE("whole blocks, and the end of the file, have checksums that a next run believes") {
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{16'384}, 3 * k_block}) {
    INFO(piece);
    Fixture f;
    f.run(f.content.size(), piece, k_not_cut);
    CHECK(f.present_bytes() == f.content.size());
  }
}

TEST_CASE("so has what is written when the connection breaks in the middle of a block") {
  Fixture f;
  f.run(2 * k_block + 10'000, 1000, k_not_cut);
  CHECK(f.present_bytes() == 2 * k_block + 8192);
}

TEST_CASE("so has what is written when the rest of a block became somebody else's") {
  Fixture f;
  f.run(2 * k_block, 1000, k_block + 12'288);
  CHECK(f.present_bytes() == k_block + 12'288);
}
