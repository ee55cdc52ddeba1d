// SPDX-License-Identifier: Apache-2.0
#include "app/signals.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <mutex>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <nai/util/clock.hpp>

namespace {

using namespace nai::app;
using namespace std::chrono_literals;

// Restores what block_signals() changed, for the tests after this one.
class SignalState {
 public:
  SignalState() {
    ::pthread_sigmask(SIG_SETMASK, nullptr, &m_mask);
    ::sigaction(SIGPIPE, nullptr, &m_pipe);
    block_signals();
  }
  ~SignalState() {
    ::pthread_sigmask(SIG_SETMASK, &m_mask, nullptr);
    ::sigaction(SIGPIPE, &m_pipe, nullptr);
  }
  SignalState(const SignalState&) = delete;
  SignalState& operator=(const SignalState&) = delete;

 private:
  sigset_t m_mask{};
  struct sigaction m_pipe {};
};

class Latch {
 public:
  void open() {
    const std::lock_guard lock(m_mutex);
    m_open = true;
    m_opened.notify_all();
  }
  void wait() {
    std::unique_lock lock(m_mutex);
    m_opened.wait(lock, [&] { return m_open; });
  }

 private:
  std::mutex m_mutex;
  std::condition_variable m_opened;
  bool m_open = false;
};

struct Fixture {
  SignalState state;
  nai::util::SystemClock clock;
  Console console{{.level = LogLevel::quiet}, clock};
  std::stop_source stop;
  Latch stopped;
  std::stop_callback<std::function<void()>> on_stop{stop.get_token(), [this] { stopped.open(); }};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "The first signal requests a stop", "[app]") {
  const int signal = GENERATE(SIGINT, SIGTERM);
  const SignalWatch watch({.stop = stop, .overdue = {}}, console);
  CHECK(watch.received() == 0);
  REQUIRE(::kill(::getpid(), signal) == 0);
  stopped.wait();
  CHECK(watch.received() == signal);
}

TEST_CASE_METHOD(Fixture, "What a signal does is told in the words of the command", "[app]") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  Console loud({}, clock, {ends[1], ends[1]});
  {
    const SignalWatch watch({.stop = stop, .stopping = "packing up", .overdue = {}}, loud);
    REQUIRE(::kill(::getpid(), SIGTERM) == 0);
    stopped.wait();
  }
  char text[100]{};
  CHECK(::read(ends[0], text, sizeof text - 1) > 0);
  CHECK(std::string(text) == "received SIGTERM: packing up\n");
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE_METHOD(Fixture, "A second signal changes nothing", "[app]") {
  const SignalWatch watch({.stop = stop, .overdue = {}}, console);
  REQUIRE(::kill(::getpid(), SIGTERM) == 0);
  stopped.wait();
  REQUIRE(::kill(::getpid(), SIGINT) == 0);
  // It is taken once it is no longer pending.
  sigset_t pending;
  do {
    ::sigpending(&pending);
  } while (::sigismember(&pending, SIGINT) == 1);
  CHECK(watch.received() == SIGTERM);
}

TEST_CASE_METHOD(Fixture, "A run that does not end in time is reported", "[app]") {
  Latch overdue;
  int told = 0;
  const SignalWatch watch({.stop = stop,
                           .patience = 1ms,
                           .overdue =
                               [&](int signal) {
                                 told = signal;
                                 overdue.open();
                               }},
                          console);
  REQUIRE(::kill(::getpid(), SIGTERM) == 0);
  overdue.wait();
  CHECK(told == SIGTERM);
}

TEST_CASE("Whatever hangs, the process ends with the status of the signal", "[app]") {
  const int signal = GENERATE(SIGINT, SIGTERM);
  int reader[2];
  REQUIRE(::pipe(reader) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    block_signals();
    nai::util::SystemClock clock;
    Console console({.level = LogLevel::quiet}, clock);
    Latch never;
    const SignalWatch watch(
        {.stop = {}, .patience = 1ms, .overdue = [&](int) { never.wait(); }, .last_resort = 20ms},
        console);
    static_cast<void>(::write(reader[1], "x", 1));
    never.wait();
    ::_exit(0);
  }
  REQUIRE(child > 0);
  char ready = 0;
  REQUIRE(::read(reader[0], &ready, 1) == 1);
  REQUIRE(::kill(child, signal) == 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 128 + signal);
  ::close(reader[0]);
  ::close(reader[1]);
}

TEST_CASE_METHOD(Fixture, "A watch that heard nothing ends at once", "[app]") {
  const SignalWatch watch({.stop = stop, .overdue = {}}, console);
  CHECK_FALSE(stop.stop_requested());
}

TEST_CASE_METHOD(Fixture, "A broken pipe is an error, not a death", "[app]") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::close(ends[0]);
  CHECK(::write(ends[1], "x", 1) == -1);
  CHECK(errno == EPIPE);
  ::close(ends[1]);
}
