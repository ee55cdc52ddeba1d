// SPDX-License-Identifier: Apache-2.0
#include "app/nim.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/digest/hasher.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>
#include <nai/util/text.hpp>
#include <nai/util/units.hpp>
#include <nai/version.hpp>

namespace nai::app {

namespace {

constexpr std::size_t k_max_manifest_bytes = std::size_t{64} << 20U;

std::string read_manifest_file(const std::filesystem::path& path) {
  if (path.empty()) {
    return {};
  }
  try {
    auto text = util::read_small_file(path, k_max_manifest_bytes);
    if (text && !text->empty()) {
      return *std::move(text);
    }
  } catch (const util::Error& error) {
    throw util::Error(util::ErrorKind::usage,
                      fmt::format("NIM_MANIFEST_FILE cannot be used: {}", error.what()));
  }
  throw util::Error(
      util::ErrorKind::usage,
      fmt::format("NIM_MANIFEST_FILE is {}, which does not exist or is empty", path.string()));
}

// What the file says now: another text under the same name is another wish. Empty when it cannot be
// read, which read_manifest_file() tells.
std::string digest_of_file(const std::filesystem::path& path) {
  if (path.empty()) {
    return {};
  }
  try {
    const std::string text = read_manifest_file(path);
    digest::Hasher hasher(digest::Algorithm::sha256, text.size());
    hasher.update(std::as_bytes(std::span(text)));
    return hasher.digest().to_string();
  } catch (const util::Error&) {
    return {};
  }
}

std::string size_of(const source::ProfileSummary& profile) {
  return profile.bytes ? util::format_bytes(*profile.bytes) : "size not known";
}

util::Fields fields_of(const source::ProfileSummary& profile) {
  util::Fields fields{
      {"profile", profile.id}, {"name", profile.name}, {"files", std::uint64_t{profile.files}}};
  if (profile.bytes) {
    fields.emplace_back("bytes", *profile.bytes);
  }
  return fields;
}

// How a file was found right.
std::string verification(const digest::Digest& digest) {
  return digest::proves_content(digest.algorithm()) ? std::string(digest::name(digest.algorithm()))
                                                    : "size only: nobody published a checksum";
}

}  // namespace

std::optional<std::string> ManifestStore::load(const std::string& name) {
  try {
    return util::read_small_file(m_layout.image_manifests() / name, k_max_manifest_bytes);
  } catch (const util::Error& error) {
    m_log.debug("manifest_not_loaded", error.what());
    return std::nullopt;
  }
}

void ManifestStore::save(const std::string& name, std::string_view text) {
  try {
    util::make_directory(m_layout.image_manifests());
    util::replace_file(m_layout.image_manifests() / name, text);
  } catch (const util::Error& error) {
    m_log.warning("manifest_not_kept",
                  fmt::format("the model manifest is not kept for a next run: {}", error.what()));
  }
}

namespace {

// A tag may have moved on since; a digest says the same for ever.
std::string image_of(const Config& config) {
  if (config.image_digest.empty()) {
    return config.repository;
  }
  const std::string& named = config.repository;
  return named.substr(0, named.find('@')) + "@" + config.image_digest;
}

}  // namespace

std::unique_ptr<source::NimSource> make_nim(const Config& config, http::Client& client,
                                            util::Clock& clock, Console& console,
                                            source::TextStore& store) {
  return source::make_nim_source({.image = image_of(config),
                                  .platform = config.platform,
                                  .ngc_key = config.ngc_key.value,
                                  .registry_user = config.registry_user,
                                  .registry_password = config.registry_password.value,
                                  .ngc_api = config.ngc_api_endpoint.value(),
                                  .ngc_auth = config.ngc_auth_endpoint.value(),
                                  .hub = config.hub_endpoint.value(),
                                  .hub_token = config.hub_token.value,
                                  .wishes = config.wishes,
                                  .manifest_text = read_manifest_file(config.manifest_file),
                                  .retry = config.transfer.retry},
                                 client, clock, console, store);
}

std::string wishes_name(const Config& config) {
  nlohmann::ordered_json wishes;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) {
      wishes[name] = value;
    }
  };
  add("profile", config.wishes.profile);
  for (const auto& [tag, value] : config.wishes.tags) {
    wishes["tags"][tag] = value;
  }
  add("gpu_product", config.wishes.gpu_product);
  add("gpu_count", config.wishes.gpu_count ? std::to_string(*config.wishes.gpu_count) : "");
  add("manifest_file", config.manifest_file.string());
  add("manifest_digest", digest_of_file(config.manifest_file));
  return wishes.is_null()
             ? ""
             : wishes.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

void announce_plan(const source::NimPlan& plan, Console& console) {
  if (!plan.profiles.empty()) {
    console.progress("profiles",
                     fmt::format("Profiles: {} in the model manifest ({}), from {}",
                                 plan.profiles.size(), plan.schema, plan.manifest_origin),
                     {{"profiles", std::uint64_t{plan.profiles.size()}},
                      {"schema", plan.schema},
                      {"origin", plan.manifest_origin}});
  }
  for (const auto& profile : plan.profiles) {
    const bool is_chosen = plan.chosen && plan.chosen->id == profile.id;
    const auto& shown = is_chosen ? *plan.chosen : profile;
    console.progress("profile",
                     fmt::format("Profiles: {} {}  {} - {} files - {}", is_chosen ? "*" : "-",
                                 shown.id, shown.name, shown.files, size_of(shown)),
                     fields_of(shown));
  }
  if (plan.chosen) {
    console.progress("profile_chosen",
                     fmt::format("Profiles: chosen {} ({}): {}", plan.chosen->id, plan.chosen->name,
                                 plan.reason),
                     {{"profile", plan.chosen->id}, {"reason", plan.reason}});
  } else {
    console.progress("profile_not_chosen",
                     fmt::format("Profiles: nothing is staged: {}", plan.reason),
                     {{"reason", plan.reason}});
  }
}

void save_report(const source::NimPlan& plan, const source::Manifest& manifest,
                 const storage::Layout& layout) {
  std::map<std::string_view, const source::Artifact*> artifacts;
  for (const source::Artifact& artifact : manifest.artifacts) {
    artifacts[artifact.path] = &artifact;
  }
  nlohmann::ordered_json report{{"format", 1},
                                {"program", "nai-model-processor " NAI_VERSION},
                                {"image", plan.image},
                                {"image_digest", plan.reference_digest},
                                {"platform", plan.platform},
                                {"platform_digest", plan.digest},
                                {"model_manifest", plan.manifest_origin},
                                {"reason", plan.reason}};
  report["profiles"] = nlohmann::ordered_json::array();
  for (const auto& profile : plan.profiles) {
    report["profiles"].push_back(
        {{"id", profile.id}, {"name", profile.name}, {"files", profile.files}});
    if (profile.bytes) {
      report["profiles"].back()["bytes"] = *profile.bytes;
    }
  }
  if (plan.chosen && !plan.files.empty()) {
    report["profile"] = {{"id", plan.chosen->id}, {"name", plan.chosen->name}};
    report["environment"] = {{"NIM_MODEL_PROFILE", plan.chosen->id},
                             {"NIM_CACHE_PATH", layout.model_files().string()}};
    report["environment_note"] =
        "NIM_CACHE_PATH is where this program had the directory; give the endpoint the path at "
        "which it mounts the same directory";
  }
  report["files"] = nlohmann::ordered_json::array();
  for (const auto& file : plan.files) {
    const source::Artifact& artifact = *artifacts.at(file.blob);
    report["files"].push_back({{"path", file.path},
                               {"size", artifact.size},
                               {"digest", artifact.digest.to_string()},
                               {"verified_by", verification(artifact.digest)},
                               {"origin", file.origin}});
  }
  util::replace_file(
      layout.image_report(),
      report.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

storage::Arrangement arrangement_of(const source::Manifest& manifest) {
  storage::Arrangement arrangement;
  for (const auto& link : manifest.links) {
    arrangement.links.push_back({link.path, link.target});
  }
  for (const auto& reference : manifest.references) {
    arrangement.texts.push_back({reference.path, reference.text});
  }
  arrangement.directories = manifest.directories;
  return arrangement;
}

}  // namespace nai::app
