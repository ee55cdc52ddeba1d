// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "integration/download_bench.hpp"

using namespace nai;
using Catch::Matchers::ContainsSubstring;
using nai::test::content_of;
using nai::test::FakeSource;
using Fixture = nai::test::DownloadBench;

TEST_CASE("files of every size arrive, verified and readable by others") {
  Fixture f;
  f.options.hash_in_pairs = GENERATE(false, true);
  const std::vector<std::size_t> sizes{0,     1,     4095,  4096,  4097,  16383,
                                       16384, 16385, 65535, 65536, 65537, 1000003};
  for (const std::size_t size : sizes) {
    f.source.add("dir/" + std::to_string(size) + ".bin", content_of(size));
  }
  f.download();
  for (const std::size_t size : sizes) {
    REQUIRE(f.published("dir/" + std::to_string(size) + ".bin") == content_of(size));
  }
  struct stat status {};
  REQUIRE(::stat((f.directory.path() / "model-files/dir/1.bin").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0644);
  CHECK(f.progress->files_done == sizes.size());
  CHECK(f.progress->bytes_present == f.progress->bytes_total);
  CHECK(f.progress->bytes_hashed == f.progress->bytes_total);
  CHECK(f.source.bytes_asked() == f.progress->bytes_total);
  CHECK(f.progress->connections == 0);
}

TEST_CASE("portions of a file are brought in any order, and published as a whole only") {
  constexpr std::size_t k_size = 1000003;
  constexpr std::uint64_t k_cut = 307200;
  Fixture f;
  f.source.add("large.bin", content_of(k_size));
  f.download_portion(2, "large.bin", {2 * k_cut, k_size - 2 * k_cut});
  f.download_portion(0, "large.bin", {0, k_cut});
  f.download_portion(1, "large.bin", {k_cut, k_cut});
  CHECK(f.source.bytes_asked() == k_size);
  CHECK_FALSE(f.exists("large.bin"));
  // Again: nothing is asked for.
  f.download_portion(1, "large.bin", {k_cut, k_cut});
  CHECK(f.source.bytes_asked() == k_size);

  const auto& artifact = f.source.manifest.artifacts.front();
  storage::Volume(f.directory.path(), f.log)
      .join_portions({{artifact.path, artifact.size, artifact.digest}});
  f.download();
  CHECK(f.source.bytes_asked() == 0);
  CHECK(f.progress->bytes_hashed == k_size - k_cut);  // the first portion was hashed as it came
  CHECK(f.published("large.bin") == content_of(k_size));
}

TEST_CASE("a portion that is wrong is found when the file is whole, and fetched again") {
  constexpr std::size_t k_size = 500000;
  Fixture f;
  f.source.add("large.bin", content_of(k_size));
  f.download_portion(0, "large.bin", {0, 262144});
  f.download_portion(1, "large.bin", {262144, k_size - 262144});
  const auto& artifact = f.source.manifest.artifacts.front();
  const auto partial = storage::Layout(f.directory.path()).partial(artifact.path, artifact.digest);
  auto text = test::read_file(partial);
  text[300000] = static_cast<char>(~text[300000]);
  test::write_file(partial, text);

  storage::Volume(f.directory.path(), f.log)
      .join_portions({{artifact.path, artifact.size, artifact.digest}});
  f.download();
  CHECK(f.source.bytes_asked() == k_size);
  CHECK(f.published("large.bin") == content_of(k_size));
}

TEST_CASE("every chunk may fail on the way") {
  Fixture f;
  f.options.hash_in_pairs = GENERATE(false, true);
  f.source.add("a.bin", content_of(700'001, 1));
  f.source.add("b.bin", content_of(300'000, 2));
  int calls = 0;
  f.source.on_fetch = [&](const FakeSource::Fetch&) -> FakeSource::Fault {
    if (++calls % 3 == 0) {
      return {};
    }
    return {.serve_bytes = static_cast<std::uint64_t>(calls * 1000),
            .result = {.verdict = http::Verdict::retry, .cause = "connection lost"}};
  };
  f.options.retry.max_attempts = 100;
  f.download();
  CHECK(f.published("a.bin") == content_of(700'001, 1));
  CHECK(f.published("b.bin") == content_of(300'000, 2));
  CHECK(f.log.count("retry") > 0);
  CHECK(f.progress->retries == f.log.count("retry"));
}

TEST_CASE("retries end, and what was fetched is kept for the next run") {
  Fixture f;
  f.source.add("a.bin", content_of(500'000));
  f.source.on_fetch = [&](const FakeSource::Fetch& fetch) -> FakeSource::Fault {
    if (fetch.range.offset < 300'000) {
      return {};
    }
    return {.serve_bytes = 0,
            .result = {.verdict = http::Verdict::retry, .cause = "503 from cdn.test"}};
  };
  std::string message;
  CHECK(f.failure(&message) == util::ErrorKind::temporary);
  CHECK_THAT(message, ContainsSubstring("a.bin") && ContainsSubstring("503 from cdn.test"));
  CHECK_FALSE(f.exists("a.bin"));

  f.source.on_fetch = nullptr;
  f.download();
  CHECK(f.published("a.bin") == content_of(500'000));
  CHECK(f.source.bytes_asked() < 250'000);
  CHECK(f.progress->bytes_reused + f.source.bytes_asked() == 500'000);
}

TEST_CASE("stop saves everything and the next run goes on from there") {
  Fixture f;
  f.options.hash_in_pairs = GENERATE(false, true);
  const std::string content = content_of(1'000'000);
  f.source.add("a.bin", content);
  f.source.add("b.bin", content);
  f.source.on_fetch = [&](const FakeSource::Fetch& fetch) -> FakeSource::Fault {
    if (fetch.range.offset > 450'000) {
      f.stop.request_stop();
    }
    return {};
  };
  CHECK(f.failure() == util::ErrorKind::interrupted);
  CHECK_FALSE(f.exists("a.bin"));
  f.stop = std::stop_source();
  f.source.on_fetch = nullptr;
  f.options.connections = 7;
  f.download();
  CHECK(f.published("a.bin") == content);
  CHECK(f.published("b.bin") == content);
  CHECK(f.progress->bytes_reused > 500'000);
  CHECK(f.progress->bytes_reused + f.source.bytes_asked() == 2 * content.size());
}

TEST_CASE("wrong bytes are fetched once more, then refused, and never published") {
  Fixture f;
  f.options.hash_in_pairs = GENERATE(false, true);
  f.source.add("good.bin", content_of(200'000, 1));
  f.source.add("bad.bin", content_of(200'000, 2));
  int wrong = 0;
  f.source.on_fetch = [&](const FakeSource::Fetch& fetch) -> FakeSource::Fault {
    const bool flip = fetch.path == "bad.bin" && fetch.range.offset == 0 && wrong-- > 0;
    return {.flip_first_byte = flip};
  };
  SECTION("once") {
    wrong = 1;
    f.download();
    CHECK(f.published("bad.bin") == content_of(200'000, 2));
    CHECK(f.source.forgotten == std::vector<std::string>{"bad.bin"});
    CHECK_THAT(f.log.message("content_mismatch"),
               ContainsSubstring(test::digest_of(content_of(200'000, 2)).to_string()));
  }
  SECTION("again and again") {
    wrong = 100;
    std::string message;
    CHECK(f.failure(&message) == util::ErrorKind::content_mismatch);
    CHECK_THAT(message, ContainsSubstring("bad.bin"));
    CHECK_FALSE(f.exists("bad.bin"));
    // Nothing wrong is resumed from.
    wrong = 0;
    f.download();
    CHECK(f.published("bad.bin") == content_of(200'000, 2));
  }
}

TEST_CASE("a second run on a complete volume asks for nothing") {
  Fixture f;
  f.source.add("a.bin", content_of(100'000));
  f.source.add("empty", "");
  f.download();
  f.finish();
  f.download();
  CHECK(f.source.fetches.empty());
  CHECK(f.progress->bytes_hashed == 0);
  CHECK(f.progress->files_done == 2);
}

TEST_CASE("another revision fetches what differs and removes what is gone") {
  Fixture f;
  f.source.add("same.bin", content_of(100'000, 1));
  f.source.add("changed.bin", content_of(100'000, 2));
  f.source.add("old/gone.bin", content_of(1'000, 3));
  f.source.add("old/edited.txt", "ours");
  f.download();
  f.finish();
  test::write_file(f.directory.path() / "model-files/old/edited.txt", "edited by hand");
  test::write_file(f.directory.path() / "model-files/foreign.txt", "not ours");

  f.source.manifest.revision = "r2";
  f.source.manifest.artifacts.clear();
  f.source.add("same.bin", content_of(100'000, 1));
  f.source.add("changed.bin", content_of(100'000, 22));
  f.source.add("old/gone.bin/now-a-directory", "x");
  f.download();
  f.finish();
  CHECK(f.source.bytes_asked() == 100'001);
  CHECK(f.published("changed.bin") == content_of(100'000, 22));
  CHECK(f.published("old/gone.bin/now-a-directory") == "x");
  CHECK(f.published("old/edited.txt") == "edited by hand");
  CHECK(f.published("foreign.txt") == "not ours");
}

TEST_CASE("files in place that nobody vouches for are kept if they are right") {
  Fixture f;
  f.source.add("right.bin", content_of(100'000, 1));
  f.source.add("wrong.bin", content_of(100'000, 2));
  f.source.add("short.bin", content_of(100'000, 3));
  test::write_file(f.directory.path() / "model-files/right.bin", content_of(100'000, 1));
  test::write_file(f.directory.path() / "model-files/wrong.bin", content_of(100'000, 9));
  test::write_file(f.directory.path() / "model-files/short.bin", "short");
  f.download();
  CHECK(f.published("right.bin") == content_of(100'000, 1));
  CHECK(f.published("wrong.bin") == content_of(100'000, 2));
  CHECK(f.published("short.bin") == content_of(100'000, 3));
  CHECK(f.source.bytes_asked() == 200'000);
  CHECK(f.progress->bytes_reused == 100'000);
}

TEST_CASE("a planted symbolic link leads nowhere") {
  Fixture f;
  test::TemporaryDirectory outside;
  std::filesystem::create_directories(f.directory.path() / "model-files");
  SECTION("as a directory") {
    std::filesystem::create_directory_symlink(outside.path(),
                                              f.directory.path() / "model-files/dir");
    f.source.add("dir/file.bin", content_of(1000));
    std::string message;
    CHECK(f.failure(&message) == util::ErrorKind::storage);
    CHECK_THAT(message, ContainsSubstring("not a directory"));
  }
  SECTION("as the file") {
    test::write_file(outside.path() / "target", content_of(1000));
    std::filesystem::create_symlink(outside.path() / "target",
                                    f.directory.path() / "model-files/file.bin");
    f.source.add("file.bin", content_of(1000, 5));
    f.download();
    CHECK(f.published("file.bin") == content_of(1000, 5));
    CHECK(test::read_file(outside.path() / "target") == content_of(1000));
  }
  CHECK_FALSE(std::filesystem::exists(outside.path() / "file.bin"));
}

TEST_CASE("thousands of small files and a large one") {
  Fixture f;
  for (int i = 0; i < 2000; ++i) {
    f.source.add("small/" + std::to_string(i % 20) + "/" + std::to_string(i), content_of(100, i));
  }
  f.source.add("large.bin", content_of(3'000'000));
  f.download();
  CHECK(f.progress->files_done == 2001);
  CHECK(f.published("small/7/1987") == content_of(100, 1987));
  CHECK(f.published("large.bin") == content_of(3'000'000));
  f.finish();
  CHECK_FALSE(std::filesystem::exists(f.directory.path() / "hf_cache"));
}
