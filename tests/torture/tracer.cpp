// SPDX-License-Identifier: Apache-2.0
#include "torture/tracer.hpp"

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <map>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "torture/traced_child.hpp"

namespace nai::torture {

namespace {

#ifdef __x86_64__

struct Registers {
  explicit Registers(pid_t stopped) : thread(stopped) {
    ok = ::ptrace(PTRACE_GETREGS, thread, nullptr, &values) == 0;
  }
  [[nodiscard]] long number() const { return static_cast<long>(values.orig_rax); }
  [[nodiscard]] std::array<std::uint64_t, 6> arguments() const {
    return {values.rdi, values.rsi, values.rdx, values.r10, values.r8, values.r9};
  }
  // The call is not made and returns this.
  void skip(std::int64_t result) {
    values.orig_rax = ~0ULL;
    values.rax = static_cast<std::uint64_t>(result);
    ::ptrace(PTRACE_SETREGS, thread, nullptr, &values);
  }
  void set_third_argument(std::uint64_t value) {
    values.rdx = value;
    ::ptrace(PTRACE_SETREGS, thread, nullptr, &values);
  }

  pid_t thread;
  bool ok = false;
  user_regs_struct values{};
};

#else

struct Registers {
  explicit Registers(pid_t) {}
  [[nodiscard]] long number() const { return -1; }
  [[nodiscard]] std::array<std::uint64_t, 6> arguments() const { return {}; }
  void skip(std::int64_t) {}
  void set_third_argument(std::uint64_t) {}
  bool ok = false;
};

#endif

bool lies_below(const std::string& path, const std::string& directory) {
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

// O_DIRECT takes whole blocks only, also when the kernel writes less than it was asked to.
std::uint64_t shortened(std::uint64_t bytes) {
  constexpr std::uint64_t k_block = 4096;
  const std::uint64_t half = bytes / 2;
  return half >= k_block ? half / k_block * k_block : std::max<std::uint64_t>(half, 1);
}

// Steps one program through its stops.
class Trace {
 public:
  Trace(pid_t child, const std::vector<Injection>& injections)
      : m_child(child), m_injections(injections), m_seen(injections.size()) {
    m_result.calls.resize(injections.size());
  }

  // Returns the wait status of the whole program.
  int follow() {
    while (true) {
      int status = 0;
      // Not other children of this process: its other threads wait for those.
      const pid_t thread = ::waitpid(-m_child, &status, __WALL | __WNOTHREAD);
      if (thread < 0 && errno == EINTR) {
        continue;
      }
      if (thread < 0) {
        throw std::system_error(errno, std::generic_category(), "waitpid");
      }
      if (WIFSTOPPED(status)) {
        step(thread, status);
      } else if (thread == m_child) {
        return status;
      }
    }
  }

  TracedResult take_result() { return std::move(m_result); }

 private:
  void step(pid_t thread, int status) {
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (event == PTRACE_EVENT_SECCOMP) {
      on_call(thread);
    } else if (signal == (SIGTRAP | 0x80)) {
      // A call has been made whose end was to be the end.
      kill_all();
      go_on(PTRACE_CONT, thread, 0);
    } else {
      // Threads are born stopped; that stop is not theirs.
      const bool own = event != 0 || signal == SIGSTOP || signal == SIGTRAP;
      go_on(PTRACE_CONT, thread, own ? 0 : signal);
    }
  }

  static void go_on(__ptrace_request how, pid_t thread, int signal) {
    ::ptrace(how, thread, nullptr, static_cast<long>(signal));
  }

  struct Deed {
    Action action = Action::observe;
    int error = 0;
    int signal = 0;
  };

  void on_call(pid_t thread) {
    Registers registers(thread);
    const auto call = registers.ok
                          ? describe_call(thread, registers.number(), registers.arguments())
                          : std::nullopt;
    const Deed deed = call ? choose(*call) : Deed{};
    if (deed.action == Action::hang) {
      hang(deed.signal);
      return;
    }
    go_on(call ? act(deed, *call, registers) : PTRACE_CONT, thread, 0);
  }

  // The thread stays where it is until the process ends.
  void hang(int signal) {
    if (!std::exchange(m_hangs, true)) {
      ::kill(m_child, signal);
    }
  }

  // Counts the call, and says what happens to it.
  Deed choose(const PendingCall& call) {
    Deed chosen;
    for (std::size_t i = 0; i < m_injections.size(); ++i) {
      const Injection& injection = m_injections[i];
      if (!injection.calls.contains(call.call) || !lies_below(call.path, injection.below) ||
          call.path.find(injection.path_contains) == std::string::npos) {
        continue;
      }
      m_result.calls[i].push_back(fmt::format("{} {}", name_of(call.call), call.path));
      const Deed deed = deed_of(injection, call, ++m_seen[i]);
      if (chosen.action == Action::observe) {
        chosen = deed;
      }
    }
    if (chosen.action != Action::observe && m_result.hit.empty()) {
      m_result.hit = fmt::format("{} {}", name_of(call.call), call.path);
    }
    return chosen;
  }

  Deed deed_of(const Injection& injection, const PendingCall& call, std::uint64_t turn) {
    const bool begun = turn >= injection.first;
    const bool due = begun && turn - injection.first < injection.count;
    if (injection.action != Action::lose) {
      return due ? Deed{injection.action, injection.error, injection.signal} : Deed{};
    }
    Loss& loss = m_losses[call.path];
    if (loss.told) {
      return {};
    }
    if (due && call.call == Call::write) {
      loss.happened = true;
      return {Action::pretend};
    }
    loss.told = loss.happened;
    return loss.happened ? Deed{Action::fail, injection.error, 0} : Deed{};
  }

  __ptrace_request act(const Deed& deed, const PendingCall& call, Registers& registers) const {
    switch (deed.action) {
      case Action::observe:
      case Action::lose:
      case Action::hang:
        break;
      case Action::kill_before:
        kill_all();
        break;
      case Action::kill_after:
        return PTRACE_SYSCALL;
      case Action::signal:
        ::kill(m_child, deed.signal);
        break;
      case Action::fail:
        registers.skip(-deed.error);
        break;
      case Action::shorten:
        if (call.bytes > 1 && call.bytes_argument == 2) {
          registers.set_third_argument(shortened(call.bytes));
        }
        break;
      case Action::pretend:
        registers.skip(static_cast<std::int64_t>(call.bytes));
        break;
    }
    return PTRACE_CONT;
  }

  void kill_all() const { ::kill(m_child, SIGKILL); }

  pid_t m_child;
  const std::vector<Injection>& m_injections;
  std::vector<std::uint64_t> m_seen;
  bool m_hangs = false;
  struct Loss {
    bool happened = false;
    bool told = false;
  };
  std::map<std::string, Loss> m_losses;  // by path
  TracedResult m_result;
};

}  // namespace

bool can_trace() {
#ifdef __x86_64__
  static const bool k_can = [] {
    try {
      return run_traced({"/bin/true"}, {}, {}, std::chrono::seconds(10)).process.exit_status == 0;
    } catch (const std::exception&) {
      return false;
    }
  }();
  return k_can;
#else
  return false;
#endif
}

TracedResult run_traced(const std::vector<std::string>& command,
                        const test::Process::Environment& environment,
                        const std::vector<Injection>& injections, std::chrono::seconds timeout) {
  TracedChild child(command, environment, watched_numbers());
  child.kill_after(timeout);
  Trace trace(child.pid(), injections);
  const int status = trace.follow();
  TracedResult result = trace.take_result();
  result.process = child.finish(status);
  result.timed_out = child.timed_out();
  return result;
}

}  // namespace nai::torture
