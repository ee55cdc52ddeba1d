// SPDX-License-Identifier: Apache-2.0
#include "app/signals.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <nai/util/error.hpp>

namespace nai::app {

namespace {

sigset_t watched_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  return set;
}

util::Fd checked(int fd, std::string_view what) {
  if (fd < 0) {
    throw util::Error(util::ErrorKind::internal,
                      fmt::format("cannot create {}: errno {}", what, errno));
  }
  return util::Fd(fd);
}

volatile std::sig_atomic_t last_status = 0;

// The kernel calls it on whichever thread is not stuck in it.
void end_process(int /*signal*/) { ::_exit(last_status); }

void set_alarm(std::chrono::milliseconds time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  itimerval timer{};
  timer.it_value.tv_sec = seconds.count();
  timer.it_value.tv_usec = std::chrono::microseconds(time - seconds).count();
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

std::string_view name(int signal) { return signal == SIGINT ? "SIGINT" : "SIGTERM"; }

}  // namespace

void block_signals() {
  const auto set = watched_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, nullptr);
}

SignalWatch::SignalWatch(Options options, Console& console)
    : m_options(std::move(options)), m_console(console) {
  const auto set = watched_signals();
  m_signals = checked(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "a signal descriptor");
  m_end = checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "an event descriptor");
  m_thread = std::jthread([this](const std::stop_token& end) { run(end); });
}

SignalWatch::~SignalWatch() {
  m_thread.request_stop();
  ::eventfd_write(m_end.get(), 1);
  m_thread.join();
  if (m_received != 0 && m_options.last_resort.count() > 0) {
    set_alarm(std::chrono::milliseconds(0));
  }
}

void SignalWatch::run(const std::stop_token& end) {
  std::array<pollfd, 2> descriptors{{{m_signals.get(), POLLIN, 0}, {m_end.get(), POLLIN, 0}}};
  auto deadline = std::chrono::steady_clock::time_point::max();
  while (!end.stop_requested()) {
    const bool waiting_for_end = m_received != 0;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (waiting_for_end && left.count() <= 0) {
      m_options.overdue(m_received);
      return;
    }
    const int ready = ::poll(descriptors.data(), descriptors.size(),
                             waiting_for_end ? static_cast<int>(left.count()) : -1);
    if (ready > 0 && (descriptors[0].revents & POLLIN) != 0) {
      if (!waiting_for_end) {
        deadline = std::chrono::steady_clock::now() + m_options.patience;
      }
      take_signal();
    }
  }
}

void SignalWatch::take_signal() {
  signalfd_siginfo information{};
  if (::read(m_signals.get(), &information, sizeof information) !=
      static_cast<ssize_t>(sizeof information)) {
    return;
  }
  const int signal = static_cast<int>(information.ssi_signo);
  int none = 0;
  if (m_received.compare_exchange_strong(none, signal)) {
    stop(signal);
  } else {
    m_console.info("stopping", fmt::format("received {} again: already stopping", name(signal)));
  }
}

void SignalWatch::stop(int signal) {
  if (m_options.last_resort.count() > 0) {
    last_status = 128 + signal;
    struct sigaction action {};
    action.sa_handler = end_process;
    ::sigaction(SIGALRM, &action, nullptr);
    set_alarm(m_options.last_resort);
  }
  m_options.stop.request_stop();
  // Nobody may be reading.
  m_console.info("stopping", fmt::format("received {}: {}", name(signal), m_options.stopping));
}

}  // namespace nai::app
