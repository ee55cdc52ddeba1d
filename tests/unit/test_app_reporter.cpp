// SPDX-License-Identifier: Apache-2.0
#include "app/reporter.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include <nai/util/file.hpp>

#include "app/progress_line.hpp"

namespace {

using namespace nai::app;
using namespace std::chrono_literals;
using nai::util::Fd;

// Time stands still until the test moves it.
class ManualClock final : public nai::util::Clock {
 public:
  [[nodiscard]] nai::util::SteadyTime steady_now() const override {
    const std::lock_guard lock(m_mutex);
    return m_now;
  }
  [[nodiscard]] nai::util::SystemTime system_now() const override { return {}; }
  void sleep_until(nai::util::SteadyTime deadline, const std::stop_token& stop) override {
    std::unique_lock lock(m_mutex);
    ++m_sleeps;
    m_changed.notify_all();
    m_changed.wait(lock, stop, [&] { return m_now >= deadline; });
  }
  // Wakes the one sleeper, who must not sleep longer than `time`, and returns when it sleeps again.
  void pass(std::chrono::milliseconds time) {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [&] { return m_sleeps > m_seen; });
    m_seen = m_sleeps;
    m_now += time;
    m_changed.notify_all();
    m_changed.wait(lock, [&] { return m_sleeps > m_seen; });
  }

 private:
  mutable std::mutex m_mutex;
  std::condition_variable_any m_changed;
  nai::util::SteadyTime m_now{};
  int m_sleeps = 0;
  int m_seen = 0;
};

struct Fixture {
  Fixture() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
  }
  std::string take() const {
    std::string text(100'000, '\0');
    const ssize_t size = ::read(reader.get(), text.data(), text.size());
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
  }
  Fd reader;
  Fd writer;
  ManualClock clock;
  nai::transfer::Progress progress;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "A reporter prints a line whenever its time has come", "[app]") {
  Console console({}, clock, {writer.get(), writer.get()});
  const Reporter reporter(progress, console, clock, {});
  progress.files_total = 2;
  progress.bytes_total = 1'000;
  progress.bytes_present = progress.bytes_received = 500;
  clock.pass(10s);
  CHECK(take() == "Progress: 50.0 % - 0.50 of 1.00 kB - 0/2 files - 50 B/s - 10s left\n");
  clock.pass(10s);
  clock.pass(10s);
  take();
  clock.pass(10s);
  CHECK(take() ==
        "Progress: 50.0 % - 0.50 of 1.00 kB - 0/2 files - stalled, nothing received for 30s\n");
  CHECK(reporter.elapsed() == 40s);
}

TEST_CASE_METHOD(Fixture, "A reporter with the interval zero, or on a quiet console, is silent",
                 "[app]") {
  Console console({}, clock, {writer.get(), writer.get()});
  { const Reporter silent(progress, console, clock, 0ms); }
  Console quiet({.level = LogLevel::quiet}, clock, {writer.get(), writer.get()});
  const Reporter reporter(progress, quiet, clock, 1s);
  clock.pass(1s);
  clock.pass(1s);
  CHECK(take().empty());
}

TEST_CASE_METHOD(Fixture, "The log of a day is far below a megabyte", "[app]") {
  Console console({}, clock, {writer.get(), writer.get()});
  const Reporter reporter(progress, console, clock, {});
  progress.files_total = 200;
  progress.bytes_total = 2'000'000'000'000;
  std::size_t bytes = 0;
  while (reporter.elapsed() < 24h) {
    progress.bytes_present += 100'000'000;
    progress.bytes_received += 100'000'000;
    clock.pass(report_interval({}, reporter.elapsed()));
    bytes += take().size();
  }
  CHECK(bytes > 50'000);
  CHECK(bytes < 300'000);
}
