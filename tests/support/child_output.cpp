// SPDX-License-Identifier: Apache-2.0
#include "support/child_output.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace nai::test {

namespace {

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe");
  }
  return ends;
}

}  // namespace

ExecArguments::ExecArguments(const std::vector<std::string>& command,
                             const Environment& environment)
    : m_texts(command) {
  for (const auto& [name, value] : environment) {
    m_texts.push_back(name + "=" + value);
  }
  for (std::size_t i = 0; i < m_texts.size(); ++i) {
    (i < command.size() ? m_arguments : m_environment).push_back(m_texts[i].data());
  }
  m_arguments.push_back(nullptr);
  m_environment.push_back(nullptr);
}

ChildOutput::ChildOutput() : m_out(make_pipe()), m_err(make_pipe()) {}

ChildOutput::~ChildOutput() {
  if (!m_begun) {
    for (const int fd : {m_out[0], m_out[1], m_err[0], m_err[1]}) {
      ::close(fd);
    }
  }
}

void ChildOutput::begin() {
  m_begun = true;
  m_open_streams = 2;
  ::close(m_out[1]);
  ::close(m_err[1]);
  collect(m_out[0], &ProcessResult::out);
  collect(m_err[0], &ProcessResult::err);
}

void ChildOutput::collect(int fd, std::string ProcessResult::*member) {
  m_readers.emplace_back([this, fd, member] {
    std::array<char, 65536> buffer{};
    ssize_t got = 0;
    while ((got = ::read(fd, buffer.data(), buffer.size())) > 0) {
      const std::scoped_lock lock(m_mutex);
      (m_result.*member).append(buffer.data(), static_cast<std::size_t>(got));
      m_changed.notify_all();
    }
    ::close(fd);
    const std::scoped_lock lock(m_mutex);
    --m_open_streams;
    m_changed.notify_all();
  });
}

bool ChildOutput::wait_for(std::string_view text, std::chrono::seconds timeout) {
  const auto said = [&] {
    return m_result.out.find(text) != std::string::npos ||
           m_result.err.find(text) != std::string::npos;
  };
  std::unique_lock lock(m_mutex);
  m_changed.wait_for(lock, timeout, [&] { return said() || m_open_streams == 0; });
  return said();
}

ProcessResult ChildOutput::finish(int status) {
  m_readers.clear();
  m_result.wall_time = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - m_started);
  if (WIFEXITED(status)) {
    m_result.exit_status = WEXITSTATUS(status);
  } else {
    m_result.signal = WTERMSIG(status);
  }
  return m_result;
}

}  // namespace nai::test
