// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "integration/download_bench.hpp"

using namespace nai;
using namespace std::chrono_literals;
using nai::test::content_of;
using nai::test::FakeSource;
using Fixture = nai::test::DownloadBench;

namespace {

// Stands still where it is told that a file is published, until something was asked for.
class StandingLog final : public util::Log {
 public:
  explicit StandingLog(std::shared_future<void> asked) : m_asked(std::move(asked)) {}
  void write(util::Level, std::string_view event, std::string_view, const util::Fields&) override {
    if (event == "file_published") {
      went_on = went_on && m_asked.wait_for(10s) == std::future_status::ready;
    }
  }
  [[nodiscard]] bool enabled(util::Level) const override { return true; }
  void hide(std::string) override {}
  std::atomic<bool> went_on{true};

 private:
  std::shared_future<void> m_asked;
};

}  // namespace

TEST_CASE("a file that is being published holds up no connection") {
  Fixture f;
  f.options.connections = 1;
  f.source.add("a.bin", content_of(100'000, 1));
  f.source.add("b.bin", content_of(100'000, 2));
  std::promise<void> asked;
  std::set<std::string> paths;
  f.source.on_fetch = [&](const FakeSource::Fetch& fetch) -> FakeSource::Fault {
    if (paths.insert(fetch.path).second && paths.size() == 2) {
      asked.set_value();
    }
    return {};
  };
  StandingLog log(asked.get_future().share());
  f.download(log);
  CHECK(log.went_on);
  CHECK(f.published("b.bin") == content_of(100'000, 2));
}

TEST_CASE("a run that is stopped publishes no file that still waits for it") {
  Fixture f;
  f.options.connections = 1;
  f.options.verifiers = 1;
  f.options.hash_in_pairs = false;
  for (const std::string path : {"a.bin", "b.bin", "c.bin"}) {
    f.source.add(path, content_of(100'000, 1));
  }
  std::promise<void> asked;
  bool stopped = false;
  f.source.on_fetch = [&](const FakeSource::Fetch& fetch) -> FakeSource::Fault {
    if (fetch.path == "c.bin" && !std::exchange(stopped, true)) {
      f.stop.request_stop();
      asked.set_value();
    }
    return {};
  };
  StandingLog log(asked.get_future().share());
  CHECK_THROWS_AS(f.download(log), util::Error);
  CHECK(log.went_on);
  CHECK(f.exists("a.bin"));
  CHECK_FALSE(f.exists("b.bin"));
  f.stop = {};
  f.download();
  CHECK(f.published("b.bin") == content_of(100'000, 1));
  CHECK(f.source.bytes_asked() == 100'000);
}
