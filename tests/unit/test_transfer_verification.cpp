// SPDX-License-Identifier: Apache-2.0
#include <nai/transfer/verification.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "support/captured_log.hpp"
#include "support/fake_source.hpp"
#include "support/temporary_directory.hpp"
#include "transfer/block_pool.hpp"
#include "transfer/disk_file.hpp"
#include "transfer/read_ahead.hpp"

#include <nai/util/error.hpp>

using namespace nai;
using Catch::Matchers::ContainsSubstring;
using transfer::DiskFile;
using transfer::FileVerdict;

namespace {

constexpr std::uint64_t k_mib = std::uint64_t{1} << 20U;

// A volume with files that nobody recorded.
struct Fixture {
  Fixture() { volume.prepare_state(); }

  void add(const std::string& path, const std::string& content) {
    test::write_file(place(path), content);
    files.push_back({path, content.size(), test::digest_of(content)});
  }
  // States at these positions, as a transfer leaves them.
  void add_trail(const storage::FileIdentity& file, const std::string& content,
                 const std::vector<std::uint64_t>& positions) const {
    storage::DigestTrail trail(file);
    digest::Hasher hasher(digest::Algorithm::sha256, file.size);
    for (const auto position : positions) {
      hasher.update(std::as_bytes(std::span(content))
                        .subspan(hasher.position())
                        .first(position - hasher.position()));
      trail.follow(hasher);
    }
    REQUIRE(trail.states().size() == positions.size());
    volume.keep_trail(file, trail);
  }
  [[nodiscard]] std::vector<transfer::VerifiedFile> verify(std::size_t threads = 2) {
    transfer::Progress progress;
    auto results = transfer::verify(volume, files, threads, progress, {});
    CHECK(progress.files_done == files.size());
    return results;
  }
  [[nodiscard]] std::filesystem::path place(const std::string& path) const {
    return volume.layout().model_file(path);
  }

  test::TemporaryDirectory directory;
  test::CapturedLog log;
  storage::Volume volume{directory.path(), log};
  std::vector<storage::FileIdentity> files;
};

void flip(const std::filesystem::path& path, std::uint64_t offset) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(offset));
  const auto byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
}

}  // namespace

TEST_CASE("verify tells what became of each file, and one does not end it for the others") {
  Fixture f;
  for (const char* path : {"right", "empty", "wrong", "longer", "missing", "link", "directory",
                           "below/link", "sub/right"}) {
    f.add(path, path == std::string("empty") ? "" : test::content_of(100'001));
  }
  flip(f.place("wrong"), 99);
  std::ofstream(f.place("longer"), std::ios::app) << "x";
  std::filesystem::remove(f.place("missing"));
  std::filesystem::rename(f.place("link"), f.directory.path() / "elsewhere");
  std::filesystem::create_symlink(f.directory.path() / "elsewhere", f.place("link"));
  std::filesystem::remove(f.place("directory"));
  std::filesystem::create_directory(f.place("directory"));
  std::filesystem::rename(f.place("below"), f.directory.path() / "there");
  std::filesystem::create_directory_symlink(f.directory.path() / "there", f.place("below"));
  const auto results = f.verify();
  std::vector<FileVerdict> verdicts;
  for (const auto& result : results) {
    verdicts.push_back(result.verdict);
  }
  using enum FileVerdict;
  CHECK(verdicts == std::vector<FileVerdict>{right, right, wrong, wrong, missing, missing, missing,
                                             missing, right});
  CHECK_THAT(results[2].found, ContainsSubstring("checksum sha256:"));
  CHECK(results[3].found == "100002 bytes instead of 100001");
  CHECK(results[4].found == "nothing");
  CHECK(results[5].found == "a symbolic link");
  CHECK(results[6].found == "a directory");
  CHECK(results[7].found == "a symbolic link above it");
}

TEST_CASE("verify locates damage between states wherever they stand") {
  Fixture f;
  const std::string content = test::content_of(70 * k_mib + 5);
  f.add("a", content);
  f.add_trail(f.files[0], content, {17 * k_mib + 1, 40 * k_mib, 57 * k_mib + 4095});
  for (const std::size_t threads : {1U, 2U, 7U}) {
    CHECK(f.verify(threads).at(0).verdict == FileVerdict::right);
  }
  flip(f.place("a"), 17 * k_mib + 1);
  flip(f.place("a"), content.size() - 1);
  for (const std::size_t threads : {1U, 7U}) {
    const auto found = f.verify(threads).at(0);
    CHECK(found.verdict == FileVerdict::wrong);
    CHECK(found.damaged ==
          std::vector<util::ByteRange>{{17 * k_mib + 1, 23 * k_mib - 1},
                                       {57 * k_mib + 4095, 13 * k_mib + 5 - 4095}});
  }
}

TEST_CASE("a trail that is wrong or cannot be read makes no file wrong") {
  Fixture f;
  const std::string content = test::content_of(40 * k_mib);
  f.add("a", content);
  SECTION("wrong") { f.add_trail(f.files[0], test::content_of(40 * k_mib, 2), {20 * k_mib}); }
  SECTION("unreadable") {
    std::filesystem::create_directories(f.volume.layout().digest_trail("a") / "in-the-way");
  }
  CHECK(f.verify().at(0).verdict == FileVerdict::right);
}

TEST_CASE("a file that somebody writes to all the time is told so, not judged") {
  Fixture f;
  f.add("busy", test::content_of(32 * k_mib));
  f.add("idle", test::content_of(100'000));
  std::atomic<bool> done{false};
  std::atomic<int> writes{0};
  std::jthread writer([&] {
    while (!done) {
      const timespec times[2] = {{1'000'000'000 + writes, 0}, {1'000'000'000 + writes, 0}};
      ::utimensat(AT_FDCWD, f.place("busy").c_str(), times, 0);
      if (++writes == 1) {
        writes.notify_all();
      }
    }
  });
  writes.wait(0);
  const auto results = f.verify();
  done = true;
  CHECK(results[0].verdict == FileVerdict::changed);
  CHECK(results[1].verdict == FileVerdict::right);
}

TEST_CASE("a file is read past the page cache from any place") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "a";
  const std::string content = test::content_of(3 * 4096 + 100);
  test::write_file(path, content);
  const auto file = DiskFile::open(path);
  REQUIRE(file);
  transfer::BlockPool pool(std::size_t{2} * DiskFile::k_alignment, 1);
  const auto block = pool.take();
  const auto read = [&](util::ByteRange range) {
    const auto data = file->read(block.bytes(), range);
    return std::string(reinterpret_cast<const char*>(data.data()), data.size());
  };
  for (const std::size_t offset : {0U, 1U, 4095U, 4096U, 8191U, 12'287U, 12'288U, 12'387U}) {
    for (const std::size_t length : {1U, 100U, 4096U, 20'000U}) {
      INFO(offset << " " << length);
      const auto data = read({offset, length});
      CHECK_FALSE(data.empty());
      CHECK(data == content.substr(offset, data.size()));
      CHECK(data.size() <= length);
    }
  }
  CHECK(read({content.size(), 10}).empty());
  CHECK(read({content.size() + 5000, 10}).empty());
  CHECK(DiskFile::open(directory.path() / "nothing") == nullptr);
  CHECK_THROWS_AS(DiskFile::open(directory.path()), util::Error);
}

TEST_CASE("a file that changed is noticed, whatever was done to it") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "a";
  test::write_file(path, "content");
  const auto file = DiskFile::open(path);
  CHECK(file->is_unchanged());
  SECTION("removed") { std::filesystem::remove(path); }
  SECTION("longer") { std::ofstream(path, std::ios::app) << "x"; }
  SECTION("another time") {
    const timespec times[2] = {{1, 0}, {1, 0}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  }
  SECTION("replaced") {
    test::write_file(directory.path() / "b", "content");
    std::filesystem::rename(directory.path() / "b", path);
  }
  CHECK_FALSE(file->is_unchanged());
}

TEST_CASE("reading ahead gives each part in turn, also when the one before was left half read") {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "a";
  const std::string content = test::content_of(9 * transfer::ReadAhead::k_block_bytes + 17);
  test::write_file(path, content);
  const auto file = DiskFile::open(path);
  transfer::ReadAhead ahead;
  const auto rest = [&](std::uint64_t most) {
    std::string text;
    for (auto data = ahead.next(most); !data.empty(); data = ahead.next(most)) {
      text.append(reinterpret_cast<const char*>(data.data()), data.size());
    }
    return text;
  };
  CHECK(rest(1).empty());
  for (const std::uint64_t offset : {std::uint64_t{0}, 5 * k_mib + 3}) {
    ahead.start(file, {0, content.size()});
    CHECK(ahead.next(100).size() == 100);
    ahead.start(file, {offset, content.size()});  // to the end of the file, and no more
    CHECK(rest(300'000) == content.substr(offset));
    CHECK(ahead.next(1).empty());
  }
}

TEST_CASE("verify takes a thread a processor, as far as memory goes") {
  using transfer::verification_threads;
  CHECK(verification_threads(8, std::nullopt) == 8);
  CHECK(verification_threads(0, std::nullopt) == 1);
  CHECK(verification_threads(8, std::uint64_t{1} << 30U) == 8);
  CHECK(verification_threads(64, 256 * k_mib) == 21);
  CHECK(verification_threads(8, k_mib) == 1);
}
