// SPDX-License-Identifier: Apache-2.0
#include "app/hub_files.hpp"

#include <fmt/format.h>

#include <nai/model/inspection.hpp>
#include <nai/storage/hub_cache.hpp>
#include <nai/storage/local_metadata.hpp>
#include <nai/util/error.hpp>

namespace nai::app {

namespace {

// What a reader without a revision asks for.
constexpr std::string_view k_default_ref = "main";

// Nobody pins a commit by a name.
std::string ref_of(const Config& config) {
  if (config.revision.empty()) {
    return std::string(k_default_ref);
  }
  return storage::is_commit(config.revision) ? std::string() : config.revision;
}

void write_local_metadata(const storage::Layout& layout, const std::string& commit,
                          const std::vector<storage::RecordedFile>& files, Console& console) {
  try {
    storage::write_local_metadata(layout, commit, files);
  } catch (const util::Error& error) {
    console.warning("local_metadata_failed",
                    fmt::format("{}; the model is not affected, but huggingface_hub will check the "
                                "files itself before it uses model-files as a local_dir",
                                error.what()));
  }
}

}  // namespace

bool keeps_hub_cache(const Config& config) {
  return config.keep_hub_cache && config.provider == Provider::hugging_face;
}

void write_hub_files(const Config& config, const storage::Layout& layout, const std::string& commit,
                     const std::vector<storage::RecordedFile>& files, Console& console) {
  if (config.provider != Provider::hugging_face) {
    return;
  }
  if (config.local_metadata) {
    write_local_metadata(layout, commit, files, console);
  }
  if (config.keep_hub_cache) {
    storage::build_hub_cache(
        layout, {.repository = config.repository, .commit = commit, .ref = ref_of(config)}, files);
  }
}

std::vector<storage::RecordedFinding> inspect_model(const storage::Layout& layout,
                                                    const source::Manifest& manifest,
                                                    const std::stop_token& stop, Console& console) {
  std::vector<std::string> paths;
  for (const auto& artifact : manifest.artifacts) {
    paths.push_back(artifact.path);
  }
  for (const auto& link : manifest.links) {
    paths.push_back(link.path);
  }
  std::vector<storage::RecordedFinding> findings;
  for (auto& finding : model::inspect(layout.model_files(), paths, manifest.skipped, stop)) {
    findings.push_back({std::move(finding.path), std::move(finding.problem)});
  }
  tell_findings(findings, console);
  return findings;
}

void tell_findings(const std::vector<storage::RecordedFinding>& findings, Console& console) {
  for (const auto& finding : findings) {
    console.warning("model_finding",
                    fmt::format("{} {}; it is what its author published, and may not load",
                                finding.path, finding.problem),
                    {{"path", finding.path}, {"problem", finding.problem}});
  }
}

}  // namespace nai::app
