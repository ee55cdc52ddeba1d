// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "support/hub_cache_reader.hpp"
#include "support/mock/nim_service.hpp"
#include "support/mock/registry.hpp"
#include "support/nim_models.hpp"
#include "support/process.hpp"
#include "support/temporary_directory.hpp"

namespace nai::test {

// The Job for an image: the executable started from environment variables alone, against a mock of
// NVIDIA's services over TLS.
class NimJob {
 public:
  explicit NimJob(const mock::NimService& service);

  // Files of the Hub are had from this one.
  void use_hub(const mock::Registry& hub);

  // May be changed between runs.
  Process::Environment environment;

  [[nodiscard]] std::filesystem::path model_files() const { return m_mount / "model-files"; }
  [[nodiscard]] std::filesystem::path report() const { return m_mount / ".nai/nim-report.json"; }
  [[nodiscard]] const std::filesystem::path& mount() const { return m_mount; }
  [[nodiscard]] std::filesystem::path directory() const { return m_directory.path(); }
  [[nodiscard]] HubCacheReader reader() const { return HubCacheReader(model_files() / "ngc/hub"); }
  [[nodiscard]] std::string termination_message() const { return read_file(m_termination); }

  [[nodiscard]] Process start(const std::vector<std::string>& arguments = {}) const;
  [[nodiscard]] ProcessResult run(const std::vector<std::string>& arguments = {}) const {
    return start(arguments).wait();
  }

 private:
  TemporaryDirectory m_directory;
  std::filesystem::path m_mount;
  std::filesystem::path m_termination;
};

// "path -> target" of every link and "path" of every file below `root`, sorted.
[[nodiscard]] std::vector<std::string> listing(const std::filesystem::path& root);

}  // namespace nai::test
