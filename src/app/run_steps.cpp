// SPDX-License-Identifier: Apache-2.0
#include "app/run_steps.hpp"

#include <unistd.h>

#include <cstdint>

#include <fmt/format.h>

#include <nai/util/memory_limit.hpp>

#include "app/progress_line.hpp"

namespace nai::app {

void prepare_directories(storage::Volume& volume, Console& console) {
  for (const auto& directory : volume.prepare_directories()) {
    console.announce("directory_created",
                     fmt::format("The new directory is created! - {}", directory.string()),
                     {{"path", directory.string()}});
  }
}

void announce_start(const Config& config, const std::string& revision, Console& console) {
  console.announce_blank();
  console.announce("download_started",
                   fmt::format("## Starting model files download from {} with version {}",
                               config.repository, revision),
                   {{"repository", config.repository},
                    {"revision", revision},
                    {"model_name", config.model_name}});
}

std::vector<storage::FileIdentity> identities_of(const source::Manifest& manifest) {
  std::vector<storage::FileIdentity> files;
  files.reserve(manifest.artifacts.size());
  for (const auto& artifact : manifest.artifacts) {
    files.push_back({artifact.path, artifact.size, artifact.digest});
  }
  return files;
}

void tell_found(const transfer::Progress& progress, Console& console) {
  const auto state = snapshot(progress);
  const std::uint64_t unproven = progress.files_unproven;
  console.progress("found", found_line(state, unproven),
                   {{"bytes_found", state.bytes_reused},
                    {"bytes_total", state.bytes_total},
                    {"files_complete", state.files_done},
                    {"files_to_check", unproven},
                    {"files_total", state.files_total}});
}

transfer::Options transfer_options(const Config& config) {
  const auto limit = util::memory_limit();
  return limit ? transfer::within_memory(config.transfer, *limit) : config.transfer;
}

RunIdentity this_run(const Config& config, const std::string& revision, const util::Clock& clock) {
  return {.repository = config.repository,
          .revision = revision,
          .model_name = config.model_name,
          .host = host_name(),
          .pid = static_cast<std::uint64_t>(::getpid()),
          .started_at = clock.system_now()};
}

}  // namespace nai::app
