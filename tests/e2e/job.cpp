// SPDX-License-Identifier: Apache-2.0
#include "e2e/job.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <span>
#include <stdexcept>

namespace nai::test {

namespace {

std::string binary() {
  const char* path = std::getenv("NAI_BINARY");
  if (path == nullptr) {
    throw std::runtime_error("NAI_BINARY is not set; run the tests with ctest");
  }
  return path;
}

}  // namespace

Job::Job(const mock::Registry& registry, const std::string& repository)
    : m_mount(m_directory.path() / "data"),
      m_termination(m_directory.path() / "termination-message") {
  std::filesystem::create_directory(m_mount);
  write_file(m_termination, "");
  registry.write_ca(m_directory.path() / "ca.pem");
  environment = {{"MODEL_NAME", "nai-f83a3d53-1ac8-402f-86af-0c"},
                 {"OUTPUT_MOUNT", m_mount.string()},
                 {"OUTPUT_FORMAT", "hf"},
                 {"TERMINATION_MESSAGE_FILE_PATH", m_termination.string()},
                 {"PROVIDER", "hf"},
                 {"REPO_ID", repository},
                 {"REPO_VERSION", ""},
                 {"HF_ENDPOINT", registry.hub_url()},
                 {"SSL_CERT_FILE", (m_directory.path() / "ca.pem").string()}};
}

Process Job::start(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command{binary()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return {command, environment};
}

std::unique_ptr<Process> Job::launch() const {
  return std::make_unique<Process>(std::vector{binary()}, environment);
}

ProcessResult Job::run(const std::vector<std::string>& arguments) const {
  return start(arguments).wait();
}

mock::Options over_tls() {
  mock::Options options;
  options.tls = true;
  return options;
}

bool same_content(const std::filesystem::path& file, const mock::Content& content) {
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::file_size(file) != content.size()) {
    return false;
  }
  std::vector<char> expected(std::size_t{1} << 20U);
  std::vector<char> actual(expected.size());
  for (std::uint64_t at = 0; at < content.size(); at += expected.size()) {
    const auto length = std::min<std::uint64_t>(expected.size(), content.size() - at);
    content.read(at, std::span(expected).first(length));
    in.read(actual.data(), static_cast<std::streamsize>(length));
    if (!in || !std::equal(actual.begin(), actual.begin() + static_cast<std::ptrdiff_t>(length),
                           expected.begin())) {
      return false;
    }
  }
  return true;
}

}  // namespace nai::test
