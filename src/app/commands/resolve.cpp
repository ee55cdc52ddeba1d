// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/util/error.hpp>
#include <nai/util/units.hpp>

#include "app/claim.hpp"
#include "app/commands/commands.hpp"
#include "app/kubernetes.hpp"
#include "app/make_source.hpp"
#include "app/nim.hpp"

namespace nai::app {

namespace {

using Json = nlohmann::ordered_json;

// What became known, and of what.
struct Resolved {
  const Config& config;
  std::string revision;
  source::Manifest manifest;
  std::optional<source::NimPlan> plan;  // of an image

  [[nodiscard]] std::uint64_t bytes() const { return manifest.total_bytes(); }
  [[nodiscard]] bool has_files() const { return !manifest.artifacts.empty(); }
  // What names the same again, whatever becomes of a branch or a tag.
  [[nodiscard]] const std::string& lasting_version() const {
    return plan ? plan->reference_digest : revision;
  }
};

Resolved ask(const Config& config, Session& session, http::Client& client) {
  const auto stop = session.stop.get_token();
  Resolved resolved{.config = config, .revision = {}, .manifest = {}, .plan = {}};
  if (config.provider == Provider::nim) {
    NoStore store;
    const auto nim = make_nim(config, client, session.clock, session.console, store);
    resolved.revision = nim->resolve(stop);
    resolved.manifest = nim->list(stop);
    resolved.plan = nim->plan();
  } else {
    const auto source = make_source(config, client, session.clock, session.console);
    resolved.revision = source->resolve(stop);
    resolved.manifest = source->list(stop);
  }
  return resolved;
}

Json to_json(const source::ProfileSummary& profile) {
  Json json{{"id", profile.id}, {"name", profile.name}, {"files", profile.files}};
  if (profile.bytes) {
    json["bytes"] = *profile.bytes;
  }
  return json;
}

void add_plan(const source::NimPlan& plan, Json& json) {
  json["image_digest"] = plan.reference_digest;
  json["platform"] = plan.platform;
  json["model_manifest"] = plan.manifest_origin;
  json["profiles"] = Json::array();
  for (const auto& profile : plan.profiles) {
    json["profiles"].push_back(to_json(profile));
  }
  json["profile"] = plan.chosen ? to_json(*plan.chosen) : Json();
  json["reason"] = plan.reason;
}

std::string document(const Resolved& resolved) {
  Json json{{"format", 1},
            {"source", source_name(resolved.config)},
            {"revision", resolved.revision},
            {"selection", selection_name(resolved.config)}};
  if (resolved.plan) {
    add_plan(*resolved.plan, json);
  }
  json["bytes"] = resolved.bytes();
  json["files"] = Json::array();
  for (const auto& file : resolved.manifest.artifacts) {
    json["files"].push_back(
        {{"path", file.path}, {"size", file.size}, {"digest", file.digest.to_string()}});
  }
  json["skipped"] = resolved.manifest.skipped;
  json["claim"] = resolved.has_files()
                      ? Json{{"storage", claim_quantity(resolved.bytes())}, {"rule", k_claim_rule}}
                      : Json();
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void print_files(const Resolved& resolved, Console& console) {
  for (const auto& file : resolved.manifest.artifacts) {
    console.announce(
        "file",
        fmt::format("  {:>10}  {}  {}", util::format_bytes(file.size), file.path,
                    file.digest.to_string()),
        {{"path", file.path}, {"bytes", file.size}, {"digest", file.digest.to_string()}});
  }
  for (const auto& path : resolved.manifest.skipped) {
    console.announce("file_skipped", fmt::format("  {:>10}  {}", "left out", path),
                     {{"path", path}});
  }
}

void print(const Resolved& resolved, Console& console) {
  const auto& manifest = resolved.manifest;
  console.announce(
      "resolved",
      fmt::format("Model: {} with version {}", source_name(resolved.config), resolved.revision),
      {{"source", source_name(resolved.config)}, {"revision", resolved.revision}});
  if (resolved.plan) {
    announce_plan(*resolved.plan, console);
  }
  const auto all = manifest.artifacts.size() + manifest.skipped.size();
  console.announce("selected",
                   fmt::format("Files: {} of {}, {}", manifest.artifacts.size(), all,
                               util::format_bytes(resolved.bytes())),
                   {{"files", std::uint64_t{manifest.artifacts.size()}},
                    {"files_skipped", std::uint64_t{manifest.skipped.size()}},
                    {"bytes", resolved.bytes()}});
  if (resolved.config.options.files) {
    print_files(resolved, console);
  }
  if (resolved.has_files()) {
    const auto storage = claim_quantity(resolved.bytes());
    console.announce("claim", fmt::format("Volume: ask for {} ({})", storage, k_claim_rule),
                     {{"storage", storage}, {"rule", std::string(k_claim_rule)}});
  } else {
    console.announce("claim", "Volume: nothing would be stored, so no size can be told");
  }
}

}  // namespace

int run_resolve(const Config& config, Session& session) {
  const auto client = make_client(config, session.console);
  const Resolved resolved = ask(config, session, *client);
  if (config.options.json) {
    session.console.document(document(resolved));
  } else if (!config.options.kubernetes) {
    print(resolved, session.console);
  } else if (resolved.has_files()) {
    session.console.document(
        kubernetes_manifests(config, resolved.lasting_version(), resolved.bytes()));
  } else {
    throw util::Error(util::ErrorKind::usage,
                      fmt::format("{} has nothing to store: {}", config.repository,
                                  resolved.plan ? resolved.plan->reason : "it has no files"));
  }
  return 0;
}

}  // namespace nai::app
