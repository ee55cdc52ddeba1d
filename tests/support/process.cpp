// SPDX-License-Identifier: Apache-2.0
#include "support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace nai::test {

Process::Process(const std::vector<std::string>& command, const Environment& environment) {
  ExecArguments exec(command, environment);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, m_output.out(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, m_output.err(), STDERR_FILENO);
  const int problem = ::posix_spawn(&m_pid, command[0].c_str(), &actions, nullptr, exec.arguments(),
                                    exec.environment());
  ::posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) {
    throw std::system_error(problem, std::generic_category(), "cannot start " + command[0]);
  }
  m_output.begin();
}

Process::~Process() {
  if (!m_reaped) {
    ::kill(m_pid, SIGKILL);
    wait();
  }
}

void Process::send_signal(int signal) const { ::kill(m_pid, signal); }

ProcessResult Process::wait() {
  int status = 0;
  struct rusage usage {};
  while (::wait4(m_pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  m_reaped = true;
  ProcessResult result = m_output.finish(status);
  result.peak_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  return result;
}

}  // namespace nai::test
