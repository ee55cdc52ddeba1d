// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "support/captured_log.hpp"
#include "support/fake_source.hpp"
#include "support/temporary_directory.hpp"

#include <nai/digest/block_checksum.hpp>
#include <nai/storage/journal.hpp>
#include <nai/storage/partial_file.hpp>
#include <nai/storage/volume.hpp>
#include <nai/util/error.hpp>

using namespace nai;
using namespace nai::storage;
using Catch::Matchers::ContainsSubstring;
using util::ByteRange;

namespace {

constexpr std::size_t k_size = 100'000;

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// A volume with one partial file of pseudo-random content.
struct Fixture {
  test::TemporaryDirectory directory;
  test::CapturedLog log;
  Layout layout{directory.path()};
  std::string content = test::content_of(k_size);
  FileIdentity file{.path = "dir/model.bin", .size = k_size, .digest = test::digest_of(content)};

  Fixture() { std::filesystem::create_directories(layout.work()); }

  [[nodiscard]] std::unique_ptr<PartialFile> open() {
    return PartialFile::open(layout, file, {}, log);
  }
  void write(PartialFile& partial, ByteRange range) const {
    const auto data = bytes(content).subspan(range.offset, range.length);
    partial.write(data, range.offset, digest::block_checksum(data));
  }
  [[nodiscard]] digest::Hasher hashed(std::size_t length) const {
    digest::Hasher hasher(digest::Algorithm::sha256, k_size);
    hasher.update(bytes(content).first(length));
    return hasher;
  }
  // Changes what is on disk behind the program's back, as a power loss would.
  void lose(ByteRange range) const {
    std::string text = test::read_file(layout.partial(file.path, file.digest));
    text.replace(range.offset, range.length, range.length, '\0');
    test::write_file(layout.partial(file.path, file.digest), text);
  }
};

}  // namespace

TEST_CASE("what was synced is there again, with the state of the checksum") {
  Fixture f;
  {
    const auto partial = f.open();
    f.write(*partial, {0, 10'000});
    f.write(*partial, {50'000, 10'000});
    partial->sync(f.hashed(10'000));
    CHECK(partial->unsynced_bytes() == 0);
  }
  const auto partial = f.open();
  CHECK(partial->present().ranges() == std::vector<ByteRange>{{0, 10'000}, {50'000, 10'000}});
  CHECK(partial->hasher().position() == 10'000);
  CHECK(f.log.entries().empty());
}

TEST_CASE("what was not synced is believed only if it is there") {
  Fixture f;
  {
    const auto partial = f.open();
    f.write(*partial, {0, 10'000});
    partial->sync(f.hashed(10'000));
    f.write(*partial, {10'000, 10'000});
    f.write(*partial, {20'000, 10'000});
  }
  SECTION("after a kill it is") { CHECK(f.open()->present().total_bytes() == 30'000); }
  SECTION("after a power loss it is not, and a later sync does not claim it") {
    f.lose({10'000, 5'000});
    {
      const auto partial = f.open();
      CHECK(partial->present().ranges() == std::vector<ByteRange>{{0, 10'000}, {20'000, 10'000}});
      f.write(*partial, {90'000, 10'000});
      partial->sync(f.hashed(10'000));
    }
    CHECK(f.open()->present().ranges() ==
          std::vector<ByteRange>{{0, 10'000}, {20'000, 10'000}, {90'000, 10'000}});
  }
  SECTION("what is durable is not read again") {
    f.lose({0, 10'000});
    CHECK(f.open()->present().total_bytes() == 30'000);
  }
}

TEST_CASE("a state of the checksum that was only noted counts if all before it is there") {
  Fixture f;
  {
    const auto partial = f.open();
    f.write(*partial, {0, 10'000});
    partial->sync(f.hashed(10'000));
    f.write(*partial, {10'000, 10'000});
    partial->note(f.hashed(20'000));
    f.write(*partial, {20'000, 10'000});
    partial->note(f.hashed(30'000));
  }
  const auto position = [&] { return f.open()->hasher().position(); };
  SECTION("after a kill all of it is, also after a second one") {
    CHECK(position() == 30'000);
    CHECK(position() == 30'000);
    CHECK(f.open()->hasher().digest() == f.hashed(30'000).digest());
  }
  SECTION("after a power loss a part of it is") {
    f.lose({20'000, 100});
    CHECK(position() == 20'000);
  }
  SECTION("or none, and only what was synced counts") {
    f.lose({19'000, 100});
    CHECK(position() == 10'000);
  }
  SECTION("a later sync makes it durable, and it is still the furthest") {
    f.open()->sync(f.hashed(10'000));
    f.lose({0, 30'000});
    CHECK(position() == 30'000);
  }
}

TEST_CASE("a content that is begun anew knows no state of the checksum over the old one") {
  Fixture f;
  {
    const auto partial = f.open();
    f.write(*partial, {0, 10'000});
    partial->note(f.hashed(10'000));
    partial->reset();
    f.write(*partial, {0, 20'000});
  }
  const auto partial = f.open();
  CHECK(partial->present().total_bytes() == 20'000);
  CHECK(partial->hasher().position() == 0);
}

TEST_CASE("a journal that is cut anywhere claims only what it still proves") {
  Fixture f;
  {
    const auto partial = f.open();
    for (std::uint64_t at = 0; at < 50'000; at += 5'000) {
      f.write(*partial, {at, 5'000});
      if (at % 20'000 == 0) {
        partial->sync(f.hashed(at + 5'000));
      } else {
        partial->note(f.hashed(at + 5'000));
      }
    }
  }
  const std::string journal = test::read_file(f.layout.journal(f.file.path, f.file.digest));
  for (std::size_t length = 0; length <= journal.size(); ++length) {
    const auto loaded = parse_journal(std::string_view(journal).substr(0, length), f.file);
    if (!loaded.content) {
      REQUIRE_FALSE(loaded.discarded.empty());
      continue;
    }
    util::RangeSet claimed = loaded.content->durable;
    for (const auto& block : loaded.content->unsynced) {
      REQUIRE(block.checksum == digest::block_checksum(bytes(f.content).subspan(
                                    block.range.offset, block.range.length)));
      claimed.add(block.range);
    }
    REQUIRE((claimed.ranges().empty() || claimed.ranges()[0].end() <= 50'000));
    if (loaded.content->hasher) {
      REQUIRE(loaded.content->durable.contains({0, loaded.content->hasher->position()}));
    }
    for (const auto& hasher : loaded.content->early_hashers) {
      REQUIRE(claimed.contains({0, hasher.position()}));
      REQUIRE(hasher.digest() == f.hashed(hasher.position()).digest());
    }
  }
}

TEST_CASE("a damaged byte anywhere in a journal never makes it claim more") {
  Fixture f;
  {
    const auto partial = f.open();
    f.write(*partial, {0, 5'000});
    partial->sync(f.hashed(5'000));
    f.write(*partial, {5'000, 5'000});
  }
  const std::string journal = test::read_file(f.layout.journal(f.file.path, f.file.digest));
  const auto whole = parse_journal(journal, f.file);
  REQUIRE(whole.content);
  for (std::size_t at = 0; at < journal.size(); ++at) {
    for (const char change : {'\x01', '\x10', '\x80'}) {
      std::string damaged = journal;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      const auto loaded = parse_journal(damaged, f.file);
      if (loaded.content) {
        REQUIRE(loaded.content->durable.total_bytes() <= 5'000);
        REQUIRE(loaded.content->unsynced.size() <= 1);
        for (const auto& block : loaded.content->unsynced) {
          REQUIRE(block.range.end() <= 10'000);
        }
      }
    }
  }
}

TEST_CASE("a hostile journal costs neither memory nor time") {
  Fixture f;
  f.file.size = std::uint64_t{1} << 43U;
  const auto sealed = [](const std::string& body) {
    return fmt::format("{} {:08x}\n", body, digest::block_checksum(bytes(body)) >> 32U);
  };
  std::string text = sealed(fmt::format(R"(nai-journal 1 {{"path":"{}","size":{},"digest":"{}"}})",
                                        f.file.path, f.file.size, f.file.digest.to_string())) +
                     sealed("w 0 1048576 0000000000000001");
  SECTION("a block that nobody writes in one go") {
    text += sealed(fmt::format("w 1048576 {} 0000000000000001", f.file.size - 1048576));
  }
  SECTION("a line that no path and no state fills") {
    text += sealed("w 1048576 1 " + std::string(70'000, '0') + "1");
  }
  SECTION("more gaps than there are connections") {
    for (std::uint64_t i = 0; i < 200'000; ++i) {
      text += sealed(fmt::format("d {} 1", f.file.size - 2 * i - 2));
    }
  }
  text += sealed("w 2097152 1048576 0000000000000001");
  const auto loaded = parse_journal(text, f.file);
  REQUIRE(loaded.content);
  CHECK(loaded.content->unsynced.size() == 1);
  CHECK(loaded.content->durable.ranges().size() < 20'000);
}

TEST_CASE("a journal larger than any that was written is not read") {
  Fixture f;
  { f.write(*f.open(), {0, 10'000}); }
  std::filesystem::resize_file(f.layout.journal(f.file.path, f.file.digest),
                               std::uintmax_t{1} << 40U);
  CHECK(f.open()->present().ranges().empty());
  CHECK_THAT(f.log.message("checkpoint_discarded"), ContainsSubstring("no file of a size"));
}

TEST_CASE("reading back what an earlier run wrote ends when stop is requested") {
  Fixture f;
  { f.write(*f.open(), {0, 10'000}); }
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(PartialFile::open(f.layout, f.file, {.stop = stop.get_token()}, f.log),
                  util::Error);
  CHECK(f.open()->present().total_bytes() == 10'000);
}

TEST_CASE("a checkpoint that does not fit says why") {
  Fixture f;
  {
    const auto partial = f.open();
    f.write(*partial, {0, 10'000});
    partial->sync(f.hashed(10'000));
  }
  const auto journal = f.layout.journal(f.file.path, f.file.digest);
  std::string text = test::read_file(journal);
  std::string reason;
  SECTION("other content") {
    const auto partial = f.layout.partial(f.file.path, f.file.digest);
    f.file.digest = test::digest_of("something else");
    // Names tell them apart already, unless somebody changed them.
    std::filesystem::rename(journal, f.layout.journal(f.file.path, f.file.digest));
    std::filesystem::rename(partial, f.layout.partial(f.file.path, f.file.digest));
    reason = "it is for other content";
  }
  SECTION("other size") {
    f.file.size += 1;
    reason = "it is for another size";
  }
  SECTION("corrupt") {
    text[5] = '#';
    test::write_file(journal, text);
    reason = "its first line is damaged";
  }
  SECTION("empty") {
    test::write_file(journal, "");
    reason = "its first line is damaged";
  }
  SECTION("foreign") {
    const std::string line = "aria2 control file";
    test::write_file(journal,
                     line + fmt::format(" {:08x}\n", digest::block_checksum(bytes(line)) >> 32U));
    reason = "it is not a checkpoint of this program";
  }
  SECTION("from the future") {
    const std::string line = "nai-journal 2 {}";
    test::write_file(journal,
                     line + fmt::format(" {:08x}\n", digest::block_checksum(bytes(line)) >> 32U));
    reason = "its format is 2, this program knows 1";
  }
  SECTION("the partial file beside it is not the one") {
    std::filesystem::resize_file(f.layout.partial(f.file.path, f.file.digest), 50);
    reason = "the partial file beside it has another size";
  }
  const auto partial = f.open();
  CHECK(partial->present().ranges().empty());
  CHECK(f.log.count("checkpoint_discarded") == 1);
  CHECK_THAT(f.log.message("checkpoint_discarded"),
             ContainsSubstring("dir/model.bin") && ContainsSubstring(reason));
}

TEST_CASE("a partial file without its journal, or the reverse, starts afresh without noise") {
  Fixture f;
  {
    const auto partial = f.open();
    f.write(*partial, {0, 10'000});
    partial->sync(f.hashed(10'000));
  }
  SECTION("no journal") { std::filesystem::remove(f.layout.journal(f.file.path, f.file.digest)); }
  SECTION("no partial file") {
    std::filesystem::remove(f.layout.partial(f.file.path, f.file.digest));
  }
  CHECK(f.open()->present().ranges().empty());
  CHECK(f.log.entries().empty());
}

TEST_CASE("a long journal is made short, and still says the same") {
  Fixture f;
  {
    const auto partial = f.open();
    // Small blocks, again and again, until the journal passes its limit.
    for (int round = 0; round < 30; ++round) {
      for (std::uint64_t at = 0; at < k_size; at += 100) {
        f.write(*partial, {at, 100});
      }
      partial->sync(f.hashed(k_size));
    }
  }
  CHECK(std::filesystem::file_size(f.layout.journal(f.file.path, f.file.digest)) < 1'200'000);
  const auto partial = f.open();
  CHECK(partial->present().ranges() == std::vector<ByteRange>{{0, k_size}});
  CHECK(partial->hasher().position() == k_size);
}

TEST_CASE("after a failed write every call says what failed first") {
  Fixture fixture;
  const auto partial = fixture.open();
  fixture.write(*partial, {0, 10'000});
  struct rlimit usual {};
  ::getrlimit(RLIMIT_FSIZE, &usual);
  const struct rlimit small { 20'000, usual.rlim_max };
  const auto previous = ::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto kind_of = [](const auto& call) {
    try {
      call();
    } catch (const util::Error& error) {
      return error.kind();
    }
    return util::ErrorKind::internal;
  };
  CHECK(kind_of([&] { fixture.write(*partial, {50'000, 10'000}); }) == util::ErrorKind::no_space);
  ::setrlimit(RLIMIT_FSIZE, &usual);
  ::signal(SIGXFSZ, previous);
  CHECK(kind_of([&] { fixture.write(*partial, {50'000, 10'000}); }) == util::ErrorKind::no_space);
  CHECK(kind_of([&] { partial->sync(fixture.hashed(0)); }) == util::ErrorKind::no_space);
  CHECK(kind_of([&] { partial->publish(fixture.layout); }) == util::ErrorKind::no_space);
}

TEST_CASE("published files are recognised by size and time, never by name alone") {
  Fixture f;
  test::write_file(f.layout.model_file("a.bin"), "content");
  const FileIdentity a{.path = "a.bin", .size = 7, .digest = test::digest_of("content")};
  const FileIdentity other{.path = "a.bin", .size = 7, .digest = test::digest_of("CONTENT")};
  {
    Inventory inventory(f.layout, f.log);
    CHECK(inventory.state_of(a) == FileState::candidate);
    inventory.add(a);
    CHECK(inventory.state_of(a) == FileState::published);
    CHECK(inventory.state_of(other) == FileState::absent);
  }
  // Known to the next process too, though no record was written.
  CHECK(Inventory(f.layout, f.log).state_of(a) == FileState::published);
  // A line that was cut does no harm.
  std::filesystem::resize_file(f.layout.published_log(),
                               std::filesystem::file_size(f.layout.published_log()) - 5);
  CHECK(Inventory(f.layout, f.log).state_of(a) == FileState::candidate);
  Inventory inventory(f.layout, f.log);
  inventory.add(a);
  std::filesystem::last_write_time(
      f.layout.model_file("a.bin"),
      std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  CHECK(inventory.state_of(a) == FileState::candidate);
  test::write_file(f.layout.model_file("a.bin"), "longer content");
  CHECK(inventory.state_of(a) == FileState::absent);
}

TEST_CASE("a record round-trips, and an unusable one is ignored with a reason") {
  test::TemporaryDirectory directory;
  test::CapturedLog log;
  const auto path = directory.path() / "record.json";
  CHECK_FALSE(load_record(path, log));
  CHECK(log.entries().empty());
  Record record{.source = "https://huggingface.co/org/name",
                .revision = "abc",
                .selection = "",
                .model_name = "name",
                .program = "test",
                .completed_at = "2026-01-01T00:00:00Z",
                .files = {{"a/b", 3, test::digest_of("abc"), 123456789012345678}}};
  save_record(path, record);
  const auto loaded = load_record(path, log);
  REQUIRE(loaded);
  CHECK(loaded->files.at(0).path == "a/b");
  CHECK(loaded->files.at(0).modified_ns == 123456789012345678);
  CHECK(loaded->files.at(0).digest == test::digest_of("abc"));
  for (
      const char* broken :
      {"", "{", "[]", R"({"format": 2})", R"({"format": 1})", R"({"format": 1, "files": [{}]})",
       R"({"format": 1, "files": [{"path": "a", "size": -1, "digest": "x", "modified_ns": 0}]})"}) {
    test::write_file(path, broken);
    CHECK_FALSE(load_record(path, log));
  }
  CHECK(log.count("record_ignored") == 7);
  // What is recorded may be removed.
  for (const char* outside : {"../a", "/etc/passwd", "a/../../b", "a//b", "./a", "a/", ""}) {
    record.files.at(0).path = outside;
    save_record(path, record);
    CHECK_FALSE(load_record(path, log));
  }
}
