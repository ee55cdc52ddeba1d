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
      (m_result.*member).append(buffer.data(), static_cast<std::size_t>(got));
    }
    ::close(fd);
  });
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
