// SPDX-License-Identifier: Apache-2.0
#include "e2e/nim_job.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace nai::test {

NimJob::NimJob(const mock::NimService& service)
    : m_mount(m_directory.path() / "data"),
      m_termination(m_directory.path() / "termination-message") {
  std::filesystem::create_directory(m_mount);
  write_file(m_termination, "");
  service.write_ca(m_directory.path() / "ca.pem");
  environment = {{"MODEL_NAME", "nai-f83a3d53-1ac8-402f-86af-0c"},
                 {"OUTPUT_MOUNT", m_mount.string()},
                 {"OUTPUT_FORMAT", "nim"},
                 {"TERMINATION_MESSAGE_FILE_PATH", m_termination.string()},
                 {"PROVIDER", "nim"},
                 {"REPO_ID", service.host() + "/" + k_nim_repository + ":" + k_nim_tag},
                 {"NGC_API_KEY", "nvapi-right"},
                 {"NGC_API_ENDPOINT", service.api_url()},
                 {"NGC_AUTH_ENDPOINT", service.api_url()},
                 {"MAX_RETRIES", "2"},
                 {"RETRY_DELAY", "10ms"},
                 {"SSL_CERT_FILE", (m_directory.path() / "ca.pem").string()}};
}

void NimJob::use_hub(const mock::Registry& hub) {
  const auto ca = m_directory.path() / "hub-ca.pem";
  hub.write_ca(ca);
  environment["REQUESTS_CA_BUNDLE"] = ca.string();
  environment["HF_ENDPOINT"] = hub.hub_url();
}

Process NimJob::start(const std::vector<std::string>& arguments) const {
  const char* binary = std::getenv("NAI_BINARY");
  if (binary == nullptr) {
    throw std::runtime_error("NAI_BINARY is not set; run the tests with ctest");
  }
  std::vector<std::string> command{binary};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return {command, environment};
}

std::vector<std::string> listing(const std::filesystem::path& root) {
  std::vector<std::string> lines;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    std::string line = std::filesystem::relative(
                           entry.symlink_status().type() == std::filesystem::file_type::symlink
                               ? entry.path().parent_path()
                               : entry.path(),
                           root)
                           .string();
    if (entry.is_symlink()) {
      line += "/" + entry.path().filename().string() + " -> " +
              std::filesystem::read_symlink(entry.path()).string();
      lines.push_back(line);
    } else if (entry.is_regular_file()) {
      lines.push_back(line);
    }
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace nai::test
