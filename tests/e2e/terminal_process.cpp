// SPDX-License-Identifier: Apache-2.0
#include "e2e/terminal_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace nai::test {

TerminalProcess::TerminalProcess(const std::vector<std::string>& command,
                                 const Environment& environment, Size size)
    : m_master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)), m_screen(size.columns) {
  if (::grantpt(m_master.get()) != 0 || ::unlockpt(m_master.get()) != 0) {
    throw std::system_error(errno, std::generic_category(), "no terminal");
  }
  const util::Fd slave(::open(::ptsname(m_master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  const winsize window{.ws_row = size.rows, .ws_col = size.columns, .ws_xpixel = 0, .ws_ypixel = 0};
  ::ioctl(slave.get(), TIOCSWINSZ, &window);
  ExecArguments exec(command, environment);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, slave.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, slave.get(), STDERR_FILENO);
  const int problem = ::posix_spawn(&m_pid, command[0].c_str(), &actions, nullptr, exec.arguments(),
                                    exec.environment());
  ::posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) {
    throw std::system_error(problem, std::generic_category(), "cannot start " + command[0]);
  }
  m_reader = std::jthread([this] { collect(); });
}

TerminalProcess::~TerminalProcess() {
  if (!m_reaped) {
    send_signal(SIGKILL);
    wait();
  }
}

// Ends when the last process that has the terminal open does.
void TerminalProcess::collect() {
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = ::read(m_master.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return;
    }
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    const std::lock_guard lock(m_mutex);
    m_bytes += bytes;
    m_screen.write(bytes);
    m_changed.notify_all();
  }
}

std::string TerminalProcess::wait_for(const std::function<bool(const std::string& text)>& wanted) {
  std::unique_lock lock(m_mutex);
  if (!m_changed.wait_for(lock, std::chrono::minutes(1), [&] { return wanted(m_screen.text()); })) {
    throw std::runtime_error("the terminal does not show it:\n" + m_screen.text());
  }
  return m_screen.text();
}

void TerminalProcess::send_signal(int signal) const { ::kill(m_pid, signal); }

int TerminalProcess::wait() {
  int status = 0;
  while (::waitpid(m_pid, &status, 0) < 0 && errno == EINTR) {
  }
  m_reaped = true;
  if (m_reader.joinable()) {
    m_reader.join();
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace nai::test
