// SPDX-License-Identifier: Apache-2.0
#include "torture/traced_child.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <system_error>

namespace nai::torture {

namespace {

constexpr int k_cannot_start = 127;

// Stops at these calls, everything else runs at full speed.
std::vector<sock_filter> filter_for(const std::vector<long>& numbers) {
  std::vector<sock_filter> filter{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const long number : numbers) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return filter;
}

struct Start {
  int out;
  int err;
  sock_fprog program;
  char** arguments;
  char** environment;
};

// In the child of a program with threads: nothing but system calls.
[[noreturn]] void become(const Start& start) {
  ::setpgid(0, 0);
  const int null = ::open("/dev/null", O_RDONLY);
  ::dup2(null, STDIN_FILENO);
  ::dup2(start.out, STDOUT_FILENO);
  ::dup2(start.err, STDERR_FILENO);
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
    ::_exit(k_cannot_start);
  }
  ::raise(SIGSTOP);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &start.program, 0, 0) != 0) {
    ::_exit(k_cannot_start);
  }
  ::execve(start.arguments[0], start.arguments, start.environment);
  ::_exit(k_cannot_start);
}

}  // namespace

TracedChild::TracedChild(const std::vector<std::string>& command,
                         const test::Environment& environment, const std::vector<long>& stop_at) {
  test::ExecArguments exec(command, environment);
  auto filter = filter_for(stop_at);
  const Start start{.out = m_output.out(),
                    .err = m_output.err(),
                    .program = {static_cast<unsigned short>(filter.size()), filter.data()},
                    .arguments = exec.arguments(),
                    .environment = exec.environment()};
  m_pid = ::fork();
  if (m_pid == 0) {
    become(start);
  }
  m_output.begin();
  int status = 0;
  const bool stopped = m_pid > 0 && ::waitpid(m_pid, &status, 0) == m_pid && WIFSTOPPED(status);
  constexpr long k_options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                             PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD |
                             PTRACE_O_EXITKILL;
  if (!stopped || ::ptrace(PTRACE_SETOPTIONS, m_pid, nullptr, k_options) != 0) {
    if (stopped) {
      ::kill(m_pid, SIGKILL);
      ::waitpid(m_pid, &status, 0);
    }
    throw std::system_error(errno, std::generic_category(), "cannot trace " + command[0]);
  }
  ::ptrace(PTRACE_CONT, m_pid, nullptr, nullptr);
}

TracedChild::~TracedChild() {
  if (!m_finished && m_pid > 0) {
    ::kill(m_pid, SIGKILL);
    int status = 0;
    ::waitpid(m_pid, &status, __WALL);
  }
}

void TracedChild::kill_after(std::chrono::seconds timeout) {
  m_deadline.emplace(timeout, [this] {
    m_timed_out = true;
    ::kill(m_pid, SIGKILL);
  });
}

test::ProcessResult TracedChild::finish(int status) {
  m_deadline.reset();
  m_finished = true;
  return m_output.finish(status);
}

}  // namespace nai::torture
