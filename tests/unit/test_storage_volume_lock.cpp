// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "storage/lease.hpp"
#include "support/temporary_directory.hpp"

#include <nai/storage/volume_lock.hpp>
#include <nai/util/error.hpp>

using namespace nai;
using namespace nai::storage;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Fixture {
  test::TemporaryDirectory directory;
  std::filesystem::path lease = directory.path() / "lease";
  util::SystemClock clock;
  std::stop_source stop;
  VolumeLockOptions options{.heartbeat = 5s, .dead_after = 30s, .wait_limit = 1h};
  int waits = 0;

  std::unique_ptr<VolumeLock> acquire(util::Clock& on) {
    return acquire_volume_lock(lease, options, on,
                               {.on_wait = [this](const auto&, auto) { ++waits; }, .on_lost = {}},
                               stop.get_token());
  }

  // A lease of a process on another machine.
  [[nodiscard]] static std::string foreign(std::uint64_t heartbeat) {
    return lease_text({.owner = "0123456789abcdef01234567",
                       .host = "nai-other-pod",
                       .boot_id = "another machine",
                       .pid = 1,
                       .flock_works = true},
                      heartbeat);
  }
};

// Simulated time on which somebody else's heart beats whenever we sleep.
class ClockOfTwo final : public util::Clock {
 public:
  explicit ClockOfTwo(std::function<void()> other) : m_other(std::move(other)) {}
  [[nodiscard]] util::SteadyTime steady_now() const override { return m_now.load(); }
  [[nodiscard]] util::SystemTime system_now() const override { return {}; }
  void sleep_until(util::SteadyTime deadline, const std::stop_token&) override {
    m_now = deadline;
    m_other();
  }

 private:
  std::function<void()> m_other;
  std::atomic<util::SteadyTime> m_now{};
};

// Simulated time in which something happens, and takes a while, whenever somebody has looked at the
// clock: before the look at the lease that comes next.
class ClockOfTheSlow final : public util::Clock {
 public:
  explicit ClockOfTheSlow(std::function<std::chrono::milliseconds()> next)
      : m_next(std::move(next)) {}
  [[nodiscard]] util::SteadyTime steady_now() const override {
    const auto now = m_now.load();
    m_now = now + m_next();
    return now;
  }
  [[nodiscard]] util::SystemTime system_now() const override { return {}; }
  void sleep_until(util::SteadyTime deadline, const std::stop_token&) override {
    m_now = std::max(m_now.load(), deadline);
  }

 private:
  std::function<std::chrono::milliseconds()> m_next;
  mutable std::atomic<util::SteadyTime> m_now{};
};

// The time of a process that is paused again and again: who sleeps does not wake up.
class PausedClock final : public util::Clock {
 public:
  [[nodiscard]] util::SteadyTime steady_now() const override { return m_now.load(); }
  [[nodiscard]] util::SystemTime system_now() const override { return {}; }
  void sleep_until(util::SteadyTime, const std::stop_token& stop) override {
    std::unique_lock lock(m_mutex);
    m_never.wait(lock, stop, [] { return false; });
  }
  void advance(std::chrono::milliseconds duration) { m_now = m_now.load() + duration; }

 private:
  std::atomic<util::SteadyTime> m_now{};
  std::mutex m_mutex;
  std::condition_variable_any m_never;
};

}  // namespace

TEST_CASE("where work lies without a lease, the new lease stands for a while before it counts") {
  Fixture f;
  ClockOfTwo clock([] {});
  const auto begin = clock.steady_now();
  const auto lock = acquire_volume_lock(f.lease, f.options, clock,
                                        {.on_wait = [&](const auto&, auto) { ++f.waits; },
                                         .on_lost = {},
                                         .is_abandoned = [](bool) { return true; }},
                                        f.stop.get_token());
  CHECK(lock->held());
  CHECK(clock.steady_now() - begin >= f.options.dead_after);
  CHECK(f.waits >= 1);
}

TEST_CASE("a free volume is taken at once and given back") {
  Fixture f;
  {
    const auto lock = f.acquire(f.clock);
    CHECK(lock->held());
    CHECK(std::filesystem::exists(f.lease));
  }
  CHECK(std::filesystem::is_empty(f.directory.path()));
  CHECK(f.waits == 0);
}

TEST_CASE("a holder whose heart does not beat is dead after the stated time, not before") {
  Fixture f;
  test::write_file(f.lease, Fixture::foreign(7));
  ClockOfTwo clock([] {});
  f.options.wait_limit = 29s;
  try {
    f.acquire(clock);
    FAIL("taken over too early");
  } catch (const util::Error& error) {
    CHECK(error.kind() == util::ErrorKind::volume_busy);
  }
  CHECK(f.waits > 0);
  f.options.wait_limit = 1h;
  const auto lock = f.acquire(clock);
  CHECK(parse_lease(*read_lease(f.lease))->pid == ::getpid());
}

TEST_CASE("time in which the lease could not be read is no silence of its holder") {
  for (const bool holder_hangs_too : {false, true}) {
    Fixture f;
    f.options.wait_limit = 10min;
    std::uint64_t heartbeat = 0;
    test::write_file(f.lease, Fixture::foreign(heartbeat));
    int looks = 0;
    // The server is away for a while at every eighth look. The holder gives signs of life all the
    // time, or is held up like the one who waits; the next one comes a few looks later.
    ClockOfTheSlow clock([&] {
      const bool away = ++looks % 8 == 0;
      if ((away && !holder_hangs_too) || looks % 8 == 3) {
        test::write_file(f.lease, Fixture::foreign(++heartbeat));
      }
      return away ? 35s : 0s;
    });
    try {
      f.acquire(clock);
      FAIL("taken from a living holder");
    } catch (const util::Error& error) {
      CHECK(error.kind() == util::ErrorKind::volume_busy);
    }
  }
}

TEST_CASE("a holder whose heart beats is waited for, up to the limit") {
  Fixture f;
  std::uint64_t heartbeat = 0;
  test::write_file(f.lease, Fixture::foreign(heartbeat));
  ClockOfTwo clock([&] { test::write_file(f.lease, Fixture::foreign(++heartbeat)); });
  try {
    f.acquire(clock);
    FAIL("taken from a living holder");
  } catch (const util::Error& error) {
    CHECK(error.kind() == util::ErrorKind::volume_busy);
    CHECK_THAT(error.what(),
               ContainsSubstring("nai-other-pod (process 1)") && ContainsSubstring("1h00m"));
  }
  CHECK(*read_lease(f.lease) == Fixture::foreign(heartbeat));
}

TEST_CASE("on the holder's own machine its death is known at once") {
  Fixture f;
  {
    LeaseHolder dead = this_process();
    const auto fd = create_lease(f.lease, dead);
    REQUIRE(fd);
    REQUIRE(dead.flock_works);
    CHECK_FALSE(flock_is_free(f.lease, dead.device));
  }
  // Its descriptor is closed, as the kernel does when a process dies; the file stays.
  REQUIRE(std::filesystem::exists(f.lease));
  const auto lock = f.acquire(f.clock);
  CHECK(lock->held());
  CHECK(f.waits == 0);
}

TEST_CASE("a flock seen through another mount proves nothing") {
  Fixture f;
  LeaseHolder other = this_process();
  other.flock_works = true;
  other.device = 0xdead;
  test::write_file(f.lease, lease_text(other, 1));
  ClockOfTwo clock([] {});
  const auto begin = clock.steady_now();
  const auto lock = f.acquire(clock);
  CHECK(clock.steady_now() - begin >= f.options.dead_after);
}

TEST_CASE("garbage in the lease is a holder that does not move") {
  Fixture f;
  test::write_file(f.lease, "garbage");
  f.options.wait_limit = 10s;
  ClockOfTwo clock([] {});
  CHECK_THROWS_AS(f.acquire(clock), util::Error);
}

TEST_CASE("waiting ends when stop is requested") {
  Fixture f;
  test::write_file(f.lease, Fixture::foreign(1));
  ClockOfTwo clock([&] { f.stop.request_stop(); });
  try {
    f.acquire(clock);
    FAIL("acquired");
  } catch (const util::Error& error) {
    CHECK(error.kind() == util::ErrorKind::interrupted);
  }
}

TEST_CASE("a holder that finds another's lease in its place says so, and leaves it alone") {
  Fixture f;
  f.options.heartbeat = 1ms;
  std::mutex mutex;
  std::condition_variable lost_changed;
  bool lost = false;
  {
    const auto lock = acquire_volume_lock(f.lease, f.options, f.clock,
                                          {.on_wait = {},
                                           .on_lost =
                                               [&](const util::Error& why) {
                                                 CHECK(why.kind() == util::ErrorKind::volume_busy);
                                                 const std::scoped_lock guard(mutex);
                                                 lost = true;
                                                 lost_changed.notify_one();
                                               }},
                                          f.stop.get_token());
    std::filesystem::remove(f.lease);
    test::write_file(f.lease, Fixture::foreign(1));
    std::unique_lock guard(mutex);
    REQUIRE(lost_changed.wait_for(guard, 60s, [&] { return lost; }));
    CHECK_FALSE(lock->held());
  }
  CHECK(*read_lease(f.lease) == Fixture::foreign(1));
}

TEST_CASE("a holder that was paused looks whether the volume is still its own before it writes") {
  Fixture f;
  PausedClock clock;
  std::optional<util::ErrorKind> lost;
  const auto acquire = [&] {
    lost.reset();
    return acquire_volume_lock(
        f.lease, f.options, clock,
        {.on_wait = {}, .on_lost = [&](const util::Error& why) { lost = why.kind(); }},
        f.stop.get_token());
  };
  {
    const auto lock = acquire();
    const auto before = *read_lease(f.lease);
    CHECK(lock->confirm());
    CHECK(*read_lease(f.lease) == before);
    clock.advance(f.options.dead_after);
    CHECK(lock->confirm());  // nobody took it: it is ours for another while
    CHECK(*read_lease(f.lease) != before);
    clock.advance(f.options.dead_after);
    std::filesystem::remove(f.lease);
    test::write_file(f.lease, Fixture::foreign(1));
    CHECK_FALSE(lock->confirm());
    CHECK_FALSE(lock->held());
    CHECK(lost == util::ErrorKind::volume_busy);
  }
  CHECK(*read_lease(f.lease) == Fixture::foreign(1));
  std::filesystem::remove(f.lease);

  // The volume itself is the trouble: another status than that of a volume that is in use.
  const auto lock = acquire();
  clock.advance(f.options.dead_after);
  std::filesystem::remove(f.lease);
  std::filesystem::create_directory(f.lease);
  CHECK_FALSE(lock->confirm());
  CHECK(lost == util::ErrorKind::storage);
}

TEST_CASE("before something is published the lease itself is looked at") {
  Fixture f;
  PausedClock clock;
  const auto lock = f.acquire(clock);
  std::filesystem::remove(f.lease);
  test::write_file(f.lease, Fixture::foreign(1));
  // Too early for anybody to have proved us dead, but that may have been another's clock.
  clock.advance(f.options.heartbeat / 5);
  CHECK(lock->confirm());
  CHECK_FALSE(lock->confirm_now());
  CHECK_FALSE(lock->confirm());
  CHECK(*read_lease(f.lease) == Fixture::foreign(1));
}

TEST_CASE("who waits is told who holds the volume, since when, and when it was last heard of") {
  Fixture f;
  const auto held = f.acquire(f.clock);
  LockHolder seen;
  f.options.wait_limit = 12s;
  ClockOfTwo clock([] {});
  CHECK_THROWS_AS(acquire_volume_lock(f.lease, f.options, clock,
                                      {.on_wait = [&](const auto& holder, auto) { seen = holder; }},
                                      f.stop.get_token()),
                  util::Error);
  const auto lease = parse_lease(*read_lease(f.lease));
  REQUIRE(lease);
  CHECK(seen.owner == lease->owner);
  CHECK(seen.host == lease->host);
  CHECK(seen.pid == ::getpid());
  CHECK(seen.since.size() == 20);
  CHECK(seen.silent >= 10s);
  CHECK_THAT(seen.describe(), ContainsSubstring(" since 20"));
}

TEST_CASE("a lease is removed only if it is the one that was seen") {
  Fixture f;
  test::write_file(f.lease, Fixture::foreign(2));
  CHECK_FALSE(remove_lease(f.lease, Fixture::foreign(1), "me"));
  CHECK(*read_lease(f.lease) == Fixture::foreign(2));
  CHECK(remove_lease(f.lease, Fixture::foreign(2), "me"));
  CHECK(std::filesystem::is_empty(f.directory.path()));
}
