// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/mock/registry.hpp"
#include "support/process.hpp"
#include "support/temporary_directory.hpp"

namespace nai::test {

// The Job of the contract: the executable without arguments, started from environment variables
// alone, on a volume of its own, against a mock registry over TLS. NAI_BINARY names the executable.
class Job {
 public:
  explicit Job(const mock::Registry& registry, const std::string& repository);

  // May be changed between runs.
  Process::Environment environment;

  [[nodiscard]] const std::filesystem::path& mount() const { return m_mount; }
  [[nodiscard]] std::filesystem::path model_file(const std::string& path) const {
    return m_mount / "model-files" / path;
  }
  [[nodiscard]] std::string termination_message() const { return read_file(m_termination); }

  [[nodiscard]] Process start(const std::vector<std::string>& arguments = {}) const;
  // The same, owned by the caller.
  [[nodiscard]] std::unique_ptr<Process> launch() const;
  [[nodiscard]] ProcessResult run(const std::vector<std::string>& arguments = {}) const;

 private:
  TemporaryDirectory m_directory;
  std::filesystem::path m_mount;
  std::filesystem::path m_termination;
};

// A registry over TLS with the options that tests need.
[[nodiscard]] mock::Options over_tls();

// True if the file on the volume is exactly `content`.
[[nodiscard]] bool same_content(const std::filesystem::path& file, const mock::Content& content);

}  // namespace nai::test
