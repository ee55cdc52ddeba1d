// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nai/http/client.hpp>
#include <nai/source/nim.hpp>
#include <nai/storage/arrangement.hpp>
#include <nai/storage/volume.hpp>
#include <nai/util/clock.hpp>

#include "app/config.hpp"
#include "app/log.hpp"

namespace nai::app {

// Keeps the model manifests of images on the volume, so that a second run reads no layer.
class ManifestStore final : public source::TextStore {
 public:
  ManifestStore(const storage::Layout& layout, util::Log& log) : m_layout(layout), m_log(log) {}

  [[nodiscard]] std::optional<std::string> load(const std::string& name) override;
  void save(const std::string& name, std::string_view text) override;

 private:
  const storage::Layout& m_layout;
  util::Log& m_log;
};

// Keeps nothing: for those who leave nothing behind.
class NoStore final : public source::TextStore {
 public:
  [[nodiscard]] std::optional<std::string> load(const std::string&) override { return {}; }
  void save(const std::string&, std::string_view) override {}
};

// The image that the configuration names. What is passed must outlive it. Throws Error{usage}.
[[nodiscard]] std::unique_ptr<source::NimSource> make_nim(const Config& config,
                                                          http::Client& client, util::Clock& clock,
                                                          Console& console,
                                                          source::TextStore& store);

// The wishes in force as one line of text, for the completion record.
[[nodiscard]] std::string wishes_name(const Config& config);

// Tells which profiles there are, and which one was chosen why.
void announce_plan(const source::NimPlan& plan, Console& console);

// Writes what was staged, how it was verified, and what the endpoint has to be told. Throws
// Error{storage or no_space}.
void save_report(const source::NimPlan& plan, const source::Manifest& manifest,
                 const storage::Layout& layout);

[[nodiscard]] storage::Arrangement arrangement_of(const source::Manifest& manifest);

}  // namespace nai::app
