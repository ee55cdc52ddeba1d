// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <nai/transfer/download.hpp>
#include <nai/util/error.hpp>

#include "support/captured_log.hpp"
#include "support/fake_source.hpp"
#include "support/temporary_directory.hpp"

namespace nai::test {

// A volume on a temporary directory, and small units so that little content makes many of them.
struct DownloadBench {
  TemporaryDirectory directory;
  CapturedLog log;
  util::SystemClock clock;
  FakeSource source;
  std::stop_source stop;
  transfer::Options options{.connections = 4,
                            .chunk_bytes = 64 * 1024,
                            .min_chunk_bytes = 16 * 1024,
                            .block_bytes = 4 * 1024,
                            .sync_interval = std::chrono::hours(1),
                            .sync_bytes = 100 * 1024,
                            .retry = {.base_delay = std::chrono::milliseconds(1),
                                      .rate_limited_base_delay = std::chrono::milliseconds(1),
                                      .max_delay = std::chrono::milliseconds(2),
                                      .max_attempts = 3}};
  std::unique_ptr<transfer::Progress> progress;
  std::unique_ptr<storage::Volume> volume;

  void download() { download(log); }
  void download(util::Log& told) {
    source.fetches.clear();
    progress = std::make_unique<transfer::Progress>();
    volume = std::make_unique<storage::Volume>(directory.path(), log);
    volume->prepare_state();
    volume->prepare_directories();
    volume->begin_changes();
    transfer::download(source.manifest, options, {source, *volume, *progress, clock, told},
                       stop.get_token());
  }

  // As one of several pods: only `portion` of the file, which all of them share.
  void download_portion(std::size_t shard, const std::string& path, util::ByteRange portion) {
    transfer::Progress counts;
    storage::Volume part(directory.path(), log, shard);
    part.prepare_state();
    part.prepare_directories();
    transfer::download(source.manifest, options,
                       {.source = source,
                        .volume = part,
                        .progress = counts,
                        .clock = clock,
                        .log = log,
                        .portions = {{path, portion}}},
                       stop.get_token());
    CHECK(counts.bytes_total == portion.length);
    CHECK(counts.bytes_present == portion.length);
    CHECK(counts.bytes_hashed == (portion.offset == 0 ? portion.length : 0));
  }

  std::size_t finish() {
    std::vector<std::string> paths;
    for (const auto& artifact : source.manifest.artifacts) {
      paths.push_back(artifact.path);
    }
    const auto removed =
        volume->finish({.source = "fake://model", .revision = source.manifest.revision}, paths);
    volume->remove_hf_cache();
    return removed;
  }

  util::ErrorKind failure(std::string* message = nullptr) {
    try {
      download();
    } catch (const util::Error& error) {
      if (message != nullptr) {
        *message = error.what();
      }
      return error.kind();
    }
    FAIL("the download succeeded");
    return util::ErrorKind::internal;
  }

  [[nodiscard]] std::string published(const std::string& path) const {
    return read_file(directory.path() / "model-files" / path);
  }
  [[nodiscard]] bool exists(const std::string& path) const {
    return std::filesystem::exists(directory.path() / "model-files" / path);
  }
};

}  // namespace nai::test
