// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "e2e/job.hpp"

namespace nai::test {

inline constexpr std::uint64_t k_mb = 1'000'000;
inline constexpr std::string_view k_success = "## Successfully downloaded model_files";

// Of four shards each has a portion of the large file.
inline std::vector<mock::File> model_files() {
  std::vector<mock::File> files{
      mock::lfs_file("large.bin", mock::Content::generated(9, 200 * k_mb))};
  for (std::uint64_t i = 0; i < 3; ++i) {
    files.push_back(mock::lfs_file("small-" + std::to_string(i) + ".bin",
                                   mock::Content::generated(i, (i + 1) * k_mb)));
  }
  files.push_back(mock::regular_file("config.json", "{}"));
  return files;
}

inline mock::Options paced() {
  mock::Options options = over_tls();
  options.shaping.connection_bytes_per_second = 3 * k_mb;
  options.cdn_send_buffer_bytes = 64 * 1024;
  return options;
}

// The pods of an Indexed Job on one volume.
class Pods {
 public:
  explicit Pods(const mock::Options& options)
      : m_registry(options), m_job(m_registry, "org/model") {
    m_registry.add(mock::make_repository("org/model", m_files));
    m_job.environment["SHARD_COUNT"] = "4";
    m_job.environment["CONNECTIONS"] = "4";
    m_job.environment["LOCK_DEAD_AFTER"] = "3s";
  }

  [[nodiscard]] const std::vector<mock::File>& files() const { return m_files; }
  [[nodiscard]] mock::Registry& registry() { return m_registry; }
  [[nodiscard]] Job& job() { return m_job; }
  [[nodiscard]] std::unique_ptr<Process> start(int index) {
    m_job.environment["JOB_COMPLETION_INDEX"] = std::to_string(index);
    return m_job.launch();
  }
  [[nodiscard]] std::vector<std::unique_ptr<Process>> start_all() {
    std::vector<std::unique_ptr<Process>> pods;
    for (int index = 0; index < 4; ++index) {
      pods.push_back(start(index));
    }
    return pods;
  }

  [[nodiscard]] std::filesystem::path state(int index) const {
    return m_job.mount() / ".nai/shards" / (std::to_string(index) + ".state");
  }
  [[nodiscard]] std::filesystem::path record() const { return m_job.mount() / ".nai/record.json"; }
  [[nodiscard]] bool all_shards_complete() const {
    for (int index = 0; index < 4; ++index) {
      if (!std::filesystem::exists(state(index)) || read_file(state(index)) != "complete\n") {
        return false;
      }
    }
    return true;
  }
  // No reader ever sees what was not verified.
  void check_visible_files() const {
    for (const auto& file : m_files) {
      if (std::filesystem::exists(m_job.model_file(file.path))) {
        CHECK(same_content(m_job.model_file(file.path), file.content));
      }
    }
  }
  void check_complete() const {
    for (const auto& file : m_files) {
      INFO(file.path);
      CHECK(same_content(m_job.model_file(file.path), file.content));
    }
    CHECK(std::filesystem::exists(record()));
    CHECK_FALSE(std::filesystem::exists(m_job.mount() / "hf_cache"));
    CHECK_FALSE(std::filesystem::exists(m_job.mount() / ".nai/shards"));
    CHECK(m_registry.violations().empty());
  }
  [[nodiscard]] double served() const {
    std::uint64_t size = 0;
    for (const auto& file : m_files) {
      size += file.content.size();
    }
    return static_cast<double>(m_registry.content_bytes_served()) / static_cast<double>(size);
  }

 private:
  std::vector<mock::File> m_files = model_files();
  mock::Registry m_registry;
  Job m_job;
};

template <typename Condition>
bool becomes_true(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

inline std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace nai::test
