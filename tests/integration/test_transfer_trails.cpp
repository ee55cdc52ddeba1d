// SPDX-License-Identifier: Apache-2.0
// However a large file came to the volume, damage in it is located afterwards.
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/captured_log.hpp"
#include "support/fake_source.hpp"
#include "support/temporary_directory.hpp"

#include <nai/transfer/download.hpp>
#include <nai/transfer/verification.hpp>
#include <nai/util/error.hpp>

using namespace nai;
using nai::test::FakeSource;
using transfer::FileVerdict;

namespace {

constexpr std::uint64_t k_mib = std::uint64_t{1} << 20U;
constexpr std::uint64_t k_size = 80 * k_mib + 12'345;

const std::string& content() {
  static const std::string k_content = test::content_of(k_size);
  return k_content;
}

// A volume, and a source with one large file.
struct Fixture {
  Fixture() { source.add("a.bin", content()); }

  void download(std::optional<std::size_t> shard = {}, transfer::Portions portions = {}) {
    source.fetches.clear();
    transfer::Progress progress;
    storage::Volume volume(directory.path(), log, shard);
    volume.prepare_state();
    volume.prepare_directories();
    if (!shard) {
      volume.join_portions({file()});
      volume.begin_changes();
    }
    transfer::download(source.manifest, options,
                       {.source = source,
                        .volume = volume,
                        .progress = progress,
                        .clock = clock,
                        .log = log,
                        .portions = std::move(portions)},
                       {});
    bytes_reused = progress.bytes_reused;
  }

  // Until so much of the file came; then its source fails for good.
  void break_off_at(std::uint64_t bytes) {
    std::uint64_t left = bytes;
    source.on_fetch = [&](const FakeSource::Fetch& fetch) -> FakeSource::Fault {
      const std::uint64_t serve = std::min(left, fetch.range.length);
      left -= serve;
      return {.serve_bytes = serve,
              .result = {.verdict = http::Verdict::retry, .cause = "broken off"}};
    };
    CHECK_THROWS_AS(download(), util::Error);
    source.on_fetch = nullptr;
  }

  [[nodiscard]] storage::FileIdentity file() const {
    const auto& artifact = source.manifest.artifacts.front();
    return {artifact.path, artifact.size, artifact.digest};
  }
  [[nodiscard]] std::filesystem::path place() const {
    return directory.path() / "model-files/a.bin";
  }

  void damage(std::uint64_t offset) const {
    std::fstream stream(place(), std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(static_cast<char>(content()[offset] ^ 0x10));
  }
  [[nodiscard]] transfer::VerifiedFile verify() {
    transfer::Progress progress;
    const storage::Volume volume(directory.path(), log);
    return transfer::verify(volume, {file()}, 2, progress, {}).at(0);
  }
  // Whether damage is found, and told to hardly more than 16 MiB, wherever it is.
  void check_located() {
    CHECK(verify().verdict == FileVerdict::right);
    for (const std::uint64_t offset : {k_mib, k_size / 2, k_size - 1}) {
      INFO(offset);
      damage(offset);
      const auto found = verify();
      CHECK(found.verdict == FileVerdict::wrong);
      REQUIRE(found.damaged.size() == 1);
      CHECK(found.damaged[0].offset <= offset);
      CHECK(offset < found.damaged[0].end());
      CHECK(found.damaged[0].length < 33 * k_mib);  // the last one is longer
      CHECK((found.damaged[0].length < 18 * k_mib || found.damaged[0].end() == k_size));
      test::write_file(place(), content());
    }
  }

  test::TemporaryDirectory directory;
  test::CapturedLog log;
  util::SystemClock clock;
  FakeSource source;
  transfer::Options options{.connections = 1,
                            .sync_interval = std::chrono::hours(1),
                            .sync_bytes = 4 * k_mib,
                            .retry = {.base_delay = std::chrono::milliseconds(1),
                                      .max_delay = std::chrono::milliseconds(1),
                                      .max_attempts = 2}};
  std::uint64_t bytes_reused = 0;
};

}  // namespace

TEST_CASE("damage is located in a file that came at once") {
  Fixture f;
  f.download();
  f.check_located();
}

TEST_CASE("damage is located in a file that was resumed, twice") {
  Fixture f;
  f.break_off_at(36 * k_mib);
  f.break_off_at(25 * k_mib);
  f.download();
  CHECK(f.bytes_reused >= 60 * k_mib);
  f.check_located();
}

TEST_CASE("damage is located in a file that was found in place") {
  Fixture f;
  test::write_file(f.place(), content());
  f.download();
  CHECK(f.source.fetches.empty());
  f.check_located();
}

TEST_CASE("damage is located in a file that was taken over from a hub cache") {
  Fixture f;
  test::write_file(f.directory.path() / "hf_cache/models--org--name/blobs" / f.file().digest.hex(),
                   content());
  f.download();
  CHECK(f.source.fetches.empty());
  f.check_located();
}

TEST_CASE("damage is located in a file that several pods brought") {
  Fixture f;
  f.download(0, {{"a.bin", {0, 48 * k_mib}}});
  f.download(1, {{"a.bin", {48 * k_mib, k_size - 48 * k_mib}}});
  f.download();
  CHECK(f.source.fetches.empty());
  f.check_located();
}

TEST_CASE("damage is located in a file that was repaired, and only that is fetched") {
  Fixture f;
  f.download();
  for (const std::uint64_t offset : {50 * k_mib, 3 * k_mib}) {
    f.damage(offset);
    const auto found = f.verify();
    {
      storage::Volume volume(f.directory.path(), f.log);
      volume.distrust({"a.bin"});
      REQUIRE(volume.take_back(f.file(), found.damaged));
    }
    CHECK_FALSE(std::filesystem::exists(f.place()));
    f.download();
    CHECK(f.source.bytes_asked() == found.damaged.at(0).length);
    f.check_located();
  }
}

TEST_CASE("what came of wrong content leaves no trail") {
  Fixture f;
  bool flipped = false;
  f.source.on_fetch = [&](const FakeSource::Fetch& fetch) -> FakeSource::Fault {
    const bool flip = fetch.range.offset == 0 && !flipped;
    flipped = flipped || flip;
    return {.flip_first_byte = flip};
  };
  f.download();
  f.check_located();
}
