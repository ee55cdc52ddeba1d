// SPDX-License-Identifier: Apache-2.0
#include "support/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <system_error>

namespace nai::test {

namespace {

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings) {
    result.push_back(string.data());
  }
  result.push_back(nullptr);
  return result;
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  return ends;
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const Environment& environment)
    : m_started(std::chrono::steady_clock::now()) {
  std::vector<std::string> arguments = command;
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) {
    variables.push_back(name + "=" + value);
  }
  const auto out = make_pipe();
  const auto err = make_pipe();
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  const int problem = ::posix_spawn(&m_pid, command[0].c_str(), &actions, nullptr,
                                    pointers(arguments).data(), pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  if (problem != 0) {
    ::close(out[0]);
    ::close(err[0]);
    throw std::system_error(problem, std::generic_category(), "cannot start " + command[0]);
  }
  collect(out[0], &ProcessResult::out);
  collect(err[0], &ProcessResult::err);
}

Process::~Process() {
  if (!m_reaped) {
    ::kill(m_pid, SIGKILL);
    wait();
  }
}

void Process::collect(int fd, std::string ProcessResult::*member) {
  m_readers.emplace_back([this, fd, member] {
    std::array<char, 65536> buffer{};
    ssize_t got = 0;
    while ((got = ::read(fd, buffer.data(), buffer.size())) > 0) {
      (m_result.*member).append(buffer.data(), static_cast<std::size_t>(got));
    }
    ::close(fd);
  });
}

void Process::send_signal(int signal) const { ::kill(m_pid, signal); }

ProcessResult Process::wait() {
  int status = 0;
  struct rusage usage {};
  while (::wait4(m_pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  m_reaped = true;
  m_readers.clear();
  m_result.wall_time = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - m_started);
  m_result.peak_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  if (WIFEXITED(status)) {
    m_result.exit_status = WEXITSTATUS(status);
  } else {
    m_result.signal = WTERMSIG(status);
  }
  return m_result;
}

}  // namespace nai::test
