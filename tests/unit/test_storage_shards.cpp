// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "support/captured_log.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_source.hpp"
#include "support/temporary_directory.hpp"

#include <nai/digest/block_checksum.hpp>
#include <nai/storage/shards.hpp>
#include <nai/storage/volume.hpp>
#include <nai/storage/volume_lock.hpp>
#include <nai/util/error.hpp>

using namespace nai;
using namespace nai::storage;
using util::ByteRange;

namespace {

constexpr std::size_t k_size = 100'000;
constexpr std::size_t k_half = 40'960;

struct Fixture {
  test::TemporaryDirectory directory;
  test::CapturedLog log;
  Layout layout{directory.path()};
  ShardBoard board{layout};
  ShardPlan plan{.source = "https://hub/org/model",
                 .requested = "main",
                 .revision = "b308c0f5",
                 .selection = "",
                 .count = 3};
  std::string content = test::content_of(k_size);
  FileIdentity file{.path = "large.bin", .size = k_size, .digest = test::digest_of(content)};

  Fixture() {
    std::filesystem::create_directories(layout.state());
    std::filesystem::create_directories(layout.work());
  }
  [[nodiscard]] digest::Hasher hashed(std::size_t length) const {
    digest::Hasher hasher(digest::Algorithm::sha256, k_size);
    hasher.update(std::as_bytes(std::span(content)).first(length));
    return hasher;
  }
  [[nodiscard]] std::unique_ptr<PartialFile> open(std::size_t shard, ByteRange portion) {
    return Volume(directory.path(), log, shard).open_partial(file, true, portion);
  }
  void write(PartialFile& partial, ByteRange range) const {
    const auto data = std::as_bytes(std::span(content)).subspan(range.offset, range.length);
    partial.write(data, range.offset, digest::block_checksum(data));
  }
};

}  // namespace

TEST_CASE("What pods agree on is there for whoever comes, and goes as a whole") {
  const Fixture f;
  CHECK_FALSE(f.board.plan());
  CHECK(f.board.state(0) == ShardState::open);
  f.board.begin(f.plan);
  CHECK(f.board.plan() == f.plan);
  for (const auto state : {ShardState::working, ShardState::complete, ShardState::open}) {
    f.board.note(1, state);
    CHECK(ShardBoard(f.layout).state(1) == state);
    CHECK(f.board.state(2) == ShardState::open);
  }
  f.board.note(2, ShardState::complete);
  f.board.begin(f.plan);
  CHECK(f.board.state(2) == ShardState::open);
  f.board.withdraw();
  CHECK_FALSE(f.board.plan());
  f.board.withdraw();
  f.board.remove();
  CHECK_FALSE(std::filesystem::exists(f.layout.shards()));
}

TEST_CASE("A state that was torn or damaged counts as open") {
  const Fixture f;
  f.board.begin(f.plan);
  for (const auto* text : {"", "compl", "complete", "COMPLETE\n", "working"}) {
    test::write_file(f.layout.shards() / "0.state", text);
    CHECK(f.board.state(0) == ShardState::open);
  }
}

TEST_CASE("Only a plan that makes sense is one") {
  const std::string good =
      R"({"format":1,"source":"s","requested":"","revision":"r","selection":"","count":4})";
  REQUIRE(parse_shard_plan(good));
  CHECK(parse_shard_plan(good)->count == 4);
  for (const auto* bad :
       {"", "{}", "null",
        R"({"format":2,"source":"s","requested":"","revision":"r","selection":"","count":4})",
        R"({"format":1,"source":"s","requested":"","revision":"r","selection":"","count":0})",
        R"({"format":1,"source":"s","requested":"","revision":"r","selection":"","count":1025})",
        R"({"format":1,"source":"s","requested":"","revision":"r","selection":"","count":-1})",
        R"({"format":1,"source":"s","requested":"","selection":"","count":4})"}) {
    CHECK_FALSE(parse_shard_plan(bad));
  }
}

TEST_CASE("Portions of a file are resumed by their shards and joined for whoever ends it") {
  Fixture f;
  const ByteRange front{0, k_half};
  const ByteRange rest{k_half, k_size - k_half};
  {
    const auto a = f.open(0, front);
    const auto b = f.open(1, rest);  // does not begin the file anew
    f.write(*a, front);
    f.write(*b, {k_half, 4096});
    a->seal(f.hashed(k_half));
    b->sync(f.hashed(0));
  }
  const auto resumed = f.open(1, rest);
  CHECK(resumed->present().ranges() == std::vector<ByteRange>{{k_half, 4096}});
  f.write(*resumed, {k_half + 4096, rest.length - 4096});
  resumed->seal(f.hashed(0));

  Volume volume(f.directory.path(), f.log);
  volume.join_portions({f.file});
  const auto whole = volume.open_partial(f.file, true);
  CHECK(whole->present().contains({0, k_size}));
  CHECK(whole->hasher().position() == k_half);
  CHECK(test::read_file(whole->path()) == f.content);
  CHECK(f.log.entries().empty());
  // The portions' journals are gone, and joining again changes nothing.
  volume.join_portions({f.file});
  CHECK(volume.open_partial(f.file, true)->present().contains({0, k_size}));
}

TEST_CASE("Joined portions believe no state of the checksum that was not synced") {
  Fixture f;
  {
    const auto a = f.open(0, ByteRange{0, k_half});
    const auto b = f.open(1, ByteRange{k_half, k_size - k_half});
    f.write(*a, {0, 8192});
    a->note(f.hashed(8192));
    f.write(*b, {k_half, 4096});
  }
  Volume volume(f.directory.path(), f.log);
  volume.join_portions({f.file});
  const auto whole = volume.open_partial(f.file, true);
  CHECK(whole->present().ranges() == std::vector<ByteRange>{{0, 8192}, {k_half, 4096}});
  CHECK(whole->hasher().position() == 0);
}

TEST_CASE("A shard goes on from what a run had of the whole file") {
  Fixture f;
  {
    const auto whole = Volume(f.directory.path(), f.log).open_partial(f.file, true);
    f.write(*whole, {0, 8192});
    f.write(*whole, {k_half - 4096, 8192});
    whole->sync(f.hashed(8192));
  }
  const auto front = f.open(0, {0, k_half});
  CHECK(front->present().ranges() == std::vector<ByteRange>{{0, 8192}, {k_half - 4096, 4096}});
  CHECK(front->hasher().position() == 8192);
  const auto rest = f.open(1, {k_half, k_size - k_half});
  CHECK(rest->present().ranges() == std::vector<ByteRange>{{k_half, 4096}});
  CHECK(rest->hasher().position() == 0);
}

TEST_CASE("A shard claims nothing of a file that is not there any more") {
  Fixture f;
  {
    const auto whole = Volume(f.directory.path(), f.log).open_partial(f.file, true);
    f.write(*whole, {0, k_size});
    whole->sync(f.hashed(k_size));
  }
  std::filesystem::remove(f.layout.partial(f.file.path, f.file.digest));
  CHECK(f.open(0, {0, k_half})->present().total_bytes() == 0);
  // Nor does whoever joins them.
  Volume volume(f.directory.path(), f.log);
  volume.join_portions({f.file});
  CHECK(volume.open_partial(f.file, true)->present().total_bytes() == 0);
}

TEST_CASE("Portions of other content are not joined") {
  Fixture f;
  {
    const auto part = f.open(0, {0, k_half});
    f.write(*part, {0, k_half});
    part->seal(f.hashed(k_half));
  }
  FileIdentity other = f.file;
  other.digest = test::digest_of("other");
  Volume volume(f.directory.path(), f.log);
  volume.join_portions({other});
  CHECK(volume.open_partial(other, true)->present().total_bytes() == 0);
}

TEST_CASE("Every shard knows what the others published") {
  Fixture f;
  std::filesystem::create_directories(f.layout.model_files());
  test::write_file(f.layout.model_file(f.file.path), f.content);
  Volume(f.directory.path(), f.log, 2).inventory().add(f.file);
  CHECK(Volume(f.directory.path(), f.log, 0).inventory().state_of(f.file) == FileState::published);
  CHECK(Volume(f.directory.path(), f.log).inventory().state_of(f.file) == FileState::published);
}

TEST_CASE("Who lives is told from who is dead or gone") {
  const Fixture f;
  f.board.begin(f.plan);
  util::SystemClock clock;
  const VolumeLockOptions options{.heartbeat = std::chrono::milliseconds(20),
                                  .dead_after = std::chrono::milliseconds(200)};
  const auto alive = [&] { return is_held_by_the_living({f.board.lease(0)}, options, clock, {}); };
  CHECK_FALSE(alive());
  test::write_file(f.board.lease(0), "somebody\n");
  CHECK_FALSE(alive());
  std::filesystem::remove(f.board.lease(0));
  const auto lock = acquire_volume_lock(f.board.lease(0), options, clock, {}, {});
  CHECK(alive());
}

TEST_CASE("Any number of dead pods is waited for as long as one") {
  const Fixture f;
  f.board.begin(f.plan);
  test::FakeClock clock;
  const VolumeLockOptions options;
  std::vector<std::filesystem::path> leases;
  for (std::uint64_t index = 0; index < 16; ++index) {
    leases.push_back(f.board.lease(index));
    test::write_file(leases.back(), "a pod of another node\n");
  }
  const auto begin = clock.steady_now();
  CHECK_FALSE(is_held_by_the_living(leases, options, clock, {}));
  CHECK(clock.steady_now() - begin >= options.dead_after);
  CHECK(clock.steady_now() - begin < 2 * options.dead_after);
}

TEST_CASE("A shard believes of its journal only what its portion is now") {
  Fixture f;
  {
    const auto front = f.open(0, {0, k_half});
    f.write(*front, {0, k_half});
    front->seal(f.hashed(k_half));
    const auto rest = f.open(1, {k_half, k_size - k_half});
    f.write(*rest, {k_half, k_size - k_half});
    rest->seal(f.hashed(0));
  }
  // Of another number of shards: a smaller front, and a middle.
  const auto front = f.open(0, {0, 8192});
  CHECK(front->present().ranges() == std::vector<ByteRange>{{0, 8192}});
  CHECK(front->hasher().position() == 0);
  const auto middle = f.open(1, {8192, k_half});
  CHECK(middle->present().ranges() == std::vector<ByteRange>{{k_half, 8192}});
}

TEST_CASE("Shards of another number go on from what was joined") {
  Fixture f;
  {
    const auto rest = f.open(3, {k_half, k_size - k_half});
    f.write(*rest, {k_half, k_size - k_half});
    rest->seal(f.hashed(0));
  }
  Volume(f.directory.path(), f.log).join_portions({f.file});
  const auto rest = f.open(1, {8192, k_size - 8192});
  CHECK(rest->present().ranges() == std::vector<ByteRange>{{k_half, k_size - k_half}});
}

TEST_CASE("Portions whose file is gone are not joined, whoever made it anew") {
  Fixture f;
  {
    const auto front = f.open(0, {0, k_half});
    f.write(*front, {0, k_half});
    front->seal(f.hashed(k_half));
  }
  std::filesystem::remove(f.layout.partial(f.file.path, f.file.digest));
  Volume volume(f.directory.path(), f.log);
  volume.join_portions({f.file});
  const auto rest = f.open(1, {k_half, k_size - k_half});  // makes it
  CHECK(f.open(0, {0, k_half})->present().total_bytes() == 0);
}

TEST_CASE("Looking again leaves nothing behind, and does not mind what is not there") {
  const Fixture f;
  look_again(f.layout.work());
  CHECK(std::filesystem::is_empty(f.layout.work()));
  look_again(f.directory.path() / "missing");
}
