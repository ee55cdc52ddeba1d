// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/captured_log.hpp"
#include "support/fake_source.hpp"
#include "support/temporary_directory.hpp"

#include <nai/digest/block_checksum.hpp>
#include <nai/storage/volume.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

using namespace nai;
using namespace nai::storage;

namespace {

constexpr std::size_t k_size = 10'000;

struct Fixture {
  test::TemporaryDirectory directory;
  test::CapturedLog log;
  Volume volume{directory.path(), log};
  Layout layout{directory.path()};
  // How often the lease is still ours when it is asked for.
  int looks = 1'000;
  bool may_write = true;

  Fixture() {
    volume.prepare_state();
    volume.prepare_directories();
    volume.set_guard(
        {.may_write = [this] { return may_write; }, .may_commit = [this] { return looks-- > 0; }});
  }
  [[nodiscard]] static FileIdentity file(const std::string& path, const std::string& content) {
    return {.path = path, .size = content.size(), .digest = test::digest_of(content)};
  }
  std::unique_ptr<PartialFile> written(const FileIdentity& file, const std::string& content) {
    auto partial = volume.open_partial(file, true);
    partial->write(std::as_bytes(std::span(content)), 0,
                   digest::block_checksum(std::as_bytes(std::span(content))));
    return partial;
  }
  void publish(const std::string& path, const std::string& content) {
    const auto identity = file(path, content);
    const auto partial = written(identity, content);
    volume.publish(*partial, DigestTrail(identity));
  }
  [[nodiscard]] bool is_published(const std::string& path) const {
    return std::filesystem::exists(layout.model_file(path));
  }
};

Record record_of(const std::string& revision) {
  Record record;
  record.revision = revision;
  return record;
}

std::optional<util::ErrorKind> kind_of(const auto& action) {
  try {
    action();
  } catch (const util::Error& error) {
    return error.kind();
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("a run that lost the volume publishes nothing more") {
  Fixture f;
  const std::string content = test::content_of(k_size);
  const auto identity = Fixture::file("a/model.bin", content);
  const auto partial = f.written(identity, content);
  f.looks = 0;
  CHECK(kind_of([&] { f.volume.publish(*partial, DigestTrail(identity)); }) ==
        util::ErrorKind::volume_busy);
  CHECK_FALSE(f.is_published("a/model.bin"));
  CHECK(std::filesystem::exists(f.layout.partial(identity.path, identity.digest)));
}

TEST_CASE("a run that lost the volume leaves the partial files to who has it now") {
  Fixture f;
  const std::string content = test::content_of(k_size);
  const auto identity = Fixture::file("model.bin", content);
  const auto partial = f.layout.partial(identity.path, identity.digest);
  const auto journal = f.layout.journal(identity.path, identity.digest);
  const auto inode = [](const std::filesystem::path& path) {
    return util::stat_path(path).value().st_ino;
  };
  const auto late = f.written(identity, content);  // of the run that does not know yet
  const auto partial_before = inode(partial);
  const auto journal_before = inode(journal);
  f.may_write = false;
  CHECK(kind_of([&] { late->reset(); }) == util::ErrorKind::volume_busy);
  // It goes on where it stood.
  CHECK(kind_of([&] { static_cast<void>(f.volume.open_partial(identity, true)); }) ==
        util::ErrorKind::volume_busy);
  CHECK(inode(partial) == partial_before);
  CHECK(inode(journal) == journal_before);
  // It would begin anew.
  std::filesystem::resize_file(partial, k_size - 1);
  CHECK(kind_of([&] { static_cast<void>(f.volume.open_partial(identity, true)); }) ==
        util::ErrorKind::volume_busy);
  CHECK(inode(partial) == partial_before);
  CHECK(inode(journal) == journal_before);
}

TEST_CASE("a run that loses the volume on the way to the record stops where it is") {
  const std::string content = test::content_of(k_size);
  // At each of its looks at the lease.
  for (int looks = 0;; ++looks) {
    Fixture f;
    f.publish("old.bin", content + "old");
    f.volume.finish(record_of("1"), {"old.bin"});
    f.volume.begin_changes();
    f.publish("new.bin", content);
    f.looks = looks;
    if (!kind_of([&] { f.volume.finish(record_of("2"), {"new.bin"}); })) {
      CHECK(looks >= 3);
      CHECK_FALSE(f.is_published("old.bin"));
      break;
    }
    CHECK_FALSE(std::filesystem::exists(f.layout.record()));
    CHECK(std::filesystem::exists(f.layout.superseded_record()));
  }
  Fixture f;
  f.publish("old.bin", content);
  f.volume.finish(record_of("1"), {"old.bin"});
  f.looks = 0;
  CHECK(kind_of([&] { f.volume.begin_changes(); }) == util::ErrorKind::volume_busy);
  CHECK(std::filesystem::exists(f.layout.record()));
}

TEST_CASE("a run that loses the volume while it cleans up leaves the rest to whoever has it") {
  Fixture f;
  for (int i = 0; i < 5; ++i) {
    test::write_file(f.layout.work() / std::to_string(i), "work");
  }
  f.looks = 2;
  f.volume.remove_hf_cache();
  const auto left = std::filesystem::directory_iterator(f.layout.work());
  CHECK(std::distance(begin(left), end(left)) == 3);
  CHECK(f.log.count("hf_cache_kept") == 0);
  f.looks = 1'000;
  CHECK(f.volume.remove_hf_cache());
  CHECK_FALSE(std::filesystem::exists(f.layout.hf_cache()));
}

TEST_CASE("a repair that loses the volume takes nothing away from whoever has it") {
  const std::string content = test::content_of(k_size);
  const auto identity = Fixture::file("model.bin", content);
  const auto finished = [&](Fixture& f) {
    f.publish("model.bin", content);
    f.volume.finish(record_of("1"), {"model.bin"});
    f.looks = 0;
  };
  const std::vector<std::function<void(Volume&)>> steps{
      [&](Volume& volume) { volume.distrust({"model.bin"}); },
      [&](Volume& volume) {
        static_cast<void>(volume.take_back(identity, {{0, 100}}));
      },
      [&](Volume& volume) { volume.remove_published("model.bin"); }};
  for (const auto& step : steps) {
    Fixture f;
    finished(f);
    CHECK(kind_of([&] { step(f.volume); }) == util::ErrorKind::volume_busy);
    CHECK(f.is_published("model.bin"));
    CHECK(std::filesystem::exists(f.layout.record()));
    CHECK_FALSE(std::filesystem::exists(f.layout.superseded_record()));
    CHECK_FALSE(std::filesystem::exists(f.layout.journal(identity.path, identity.digest)));
  }
}

TEST_CASE("names that look like those of work are not mistaken for it") {
  Fixture f;
  const std::string content = test::content_of(k_size);
  std::vector<FileIdentity> files;
  for (const char* path : {"a.part.bin", "b.journal.7", "c.found", "d.tmp", "e"}) {
    files.push_back(Fixture::file(path, content));
    static_cast<void>(f.written(files.back(), content));
    test::write_file(f.layout.portion_journal(path, files.back().digest), "");
  }
  f.volume.remove_stale_work(files);
  const auto left = std::filesystem::directory_iterator(f.layout.work());
  CHECK(std::distance(begin(left), end(left)) == 15);
}

TEST_CASE(
    "work on a file of another revision has a name of its own, and goes when nobody needs it") {
  Fixture f;
  const std::string before = test::content_of(k_size, 1);
  const std::string after = test::content_of(k_size, 2);
  const auto old = Fixture::file("model.bin", before);
  const auto now = Fixture::file("model.bin", after);
  const auto late = f.written(old, before);  // by a run that is paused
  const auto partial = f.written(now, after);
  CHECK(f.layout.partial(old.path, old.digest) != f.layout.partial(now.path, now.digest));
  test::write_file(f.layout.portion_journal(old.path, old.digest), "");
  test::write_file(f.layout.borrowed(old.path, old.digest), "");
  test::write_file(f.layout.state() / "record.json.1-0123.tmp", "");
  const auto own = util::draft_of(f.layout.status());  // another thread is about to put it in place
  test::write_file(own, "");
  test::write_file(f.layout.published_log(), "");
  f.volume.remove_stale_work({now});
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(f.layout.work())) {
    left.push_back(entry.path().extension());
  }
  std::sort(left.begin(), left.end());
  CHECK(left == std::vector<std::string>{"", ".journal", ".part"});
  CHECK_FALSE(std::filesystem::exists(f.layout.state() / "record.json.1-0123.tmp"));
  CHECK(std::filesystem::exists(own));
  CHECK(f.log.count("checkpoint_discarded") == 1);
  CHECK(f.log.message("checkpoint_discarded").find("it is for other content") != std::string::npos);

  // The late writer reaches neither the file nor its place.
  const auto data = std::as_bytes(std::span(before)).first(100);
  late->write(data, 0, digest::block_checksum(data));
  CHECK(kind_of([&] { f.volume.publish(*late, DigestTrail(old)); }) == util::ErrorKind::storage);
  f.volume.publish(*partial, DigestTrail(now));
  CHECK(test::read_file(f.layout.model_file("model.bin")) == after);
}
