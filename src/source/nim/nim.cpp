// SPDX-License-Identifier: Apache-2.0
#include <nai/source/nim.hpp>

#include <cassert>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <nai/source/hugging_face.hpp>
#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

#include <source/nim/image.hpp>
#include <source/nim/manifest_finder.hpp>
#include <source/nim/model_manifest.hpp>
#include <source/nim/profile_choice.hpp>
#include <source/nim/registry_error.hpp>
#include <source/nim/staging.hpp>

namespace nai::source {

namespace {

constexpr std::string_view k_protocol_label = "com.nvidia.nim.model_download_protocol";
constexpr std::string_view k_native = "native-v1";
constexpr const char* k_manifest_variable = "NIM_MANIFEST_PATH";
// Versions whose sizes are worth a question, when no profile is chosen.
constexpr std::size_t k_max_sized_profiles = 64;
constexpr std::size_t k_max_manifest_path_bytes = 1000;

Platform platform_of(const std::string& text) {
  const auto platform = Platform::parse(text);
  if (!platform) {
    throw util::Error(util::ErrorKind::usage,
                      fmt::format("NIM_PLATFORM is \"{}\": expected os/architecture, such as "
                                  "linux/amd64",
                                  util::printable(text, 100)));
  }
  return *platform;
}

// A file name as a pattern of fnmatch that matches nothing else.
std::string escaped(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    const bool special = c == '*' || c == '?' || c == '[';
    pattern += special ? fmt::format("[{}]", c) : std::string(1, c);
  }
  return pattern;
}

// The first line of a kept manifest tells where it was found.
constexpr std::string_view k_origin_mark = "# found: ";

// What the program says to do in general is about tokens and repositories of the Hub.
template <typename Work>
auto advised(const Work& work) {
  try {
    return work();
  } catch (const util::Error& error) {
    if (error.advice().empty() && error.kind() == util::ErrorKind::unauthorized) {
      throw error.with_advice(
          "nai-model-processor check, started in the Job's place, tries the key, the image and "
          "each host by itself.");
    }
    if (error.advice().empty() && error.kind() == util::ErrorKind::not_found) {
      throw error.with_advice("Compare REPO_ID with the NGC catalog, or with what the mirror has.");
    }
    throw;
  }
}

class Nim final : public NimSource {
 public:
  Nim(NimOptions options, http::Client& client, util::Clock& clock, util::Log& log,
      TextStore& store)
      : m_options(std::move(options)),
        m_connection{client, clock, log, m_options.retry},
        m_store(store),
        m_reference(parse_image(m_options.image)),
        m_platform(platform_of(m_options.platform)),
        m_session(m_connection, {m_options.ngc_api, m_options.ngc_auth}, m_options.ngc_key),
        m_registry(m_connection, m_reference, credentials(),
                   [this](const RegistryAnswer& answer, int attempts) {
                     return explain(answer, attempts);
                   }),
        m_staging(m_session, m_connection,
                  [this](const std::string& repository, const std::string& revision,
                         std::vector<std::string> paths) {
                    return make_hub(repository, revision, std::move(paths));
                  }) {
    m_plan.image = m_reference.to_string();
    m_plan.platform = m_platform.to_string();
  }

  std::string resolve(const std::stop_token& stop) override {
    return advised([&] { return find_image(stop); });
  }

  Manifest list(const std::stop_token& stop) override {
    return advised([&] { return plan_files(stop); });
  }

  FetchResult fetch(const Artifact& artifact, util::ByteRange range, RangeSink& sink,
                    const std::stop_token& stop) override {
    return m_staging.fetch({.artifact = artifact, .range = range, .sink = sink}, stop);
  }
  void forget(const Artifact& artifact) override { m_staging.forget(artifact); }

  [[nodiscard]] const NimPlan& plan() const override { return m_plan; }
  [[nodiscard]] KeyState key_state(const std::stop_token& stop) override {
    return m_session.check_key(NgcSession::scope_of(m_reference.repository), stop);
  }

 private:
  std::string find_image(const std::stop_token& stop) {
    m_stop = stop;
    m_image = resolve_image(m_registry, m_reference, m_platform, stop);
    m_plan.reference_digest = m_image->reference_digest.to_string();
    m_plan.digest = m_image->digest.to_string();
    m_plan.platform = m_image->platform.to_string();
    if (m_image->platform.os != m_platform.os ||
        m_image->platform.architecture != m_platform.architecture) {
      m_connection.log.warning(
          "platform_differs",
          fmt::format("{} is an image for {} only, and NIM_PLATFORM is {}; its model files are "
                      "the same",
                      m_plan.image, m_plan.platform, m_platform.to_string()));
    }
    return m_plan.digest;
  }

  Manifest plan_files(const std::stop_token& stop) {
    assert(m_image);
    m_stop = stop;
    Manifest manifest{
        .source = m_plan.image, .revision = m_plan.digest, .artifacts = {}, .skipped = {}};
    const auto models = readable_manifest(stop);
    if (!models) {
      return manifest;
    }
    m_plan.schema = models->schema;
    for (const Profile& profile : models->profiles) {
      m_plan.profiles.push_back(
          {.id = profile.id, .name = profile.name, .files = profile.files.size(), .bytes = {}});
    }
    const ProfileChoice choice = choose_profile(*models, m_options.wishes);
    m_plan.reason = choice.reason;
    if (choice.profile == nullptr) {
      add_sizes(*models, stop);
      return manifest;
    }
    m_plan.chosen = ProfileSummary{.id = choice.profile->id,
                                   .name = choice.profile->name,
                                   .files = choice.profile->files.size(),
                                   .bytes = {}};
    if (choice.profile->files.empty()) {
      m_plan.reason += "; the manifest names no files for it";
      return manifest;
    }
    m_staging.plan(*choice.profile, manifest, m_plan.files, stop);
    m_plan.chosen->bytes = manifest.total_bytes();
    return manifest;
  }

  [[nodiscard]] bool own_users() const {
    return !m_options.registry_user.empty() || !m_options.registry_password.empty();
  }

  [[nodiscard]] RegistryCredentials credentials() const {
    if (own_users()) {
      return {m_options.registry_user, m_options.registry_password};
    }
    return m_options.ngc_key.empty() ? RegistryCredentials{}
                                     : RegistryCredentials{"$oauthtoken", m_options.ngc_key};
  }

  util::Error explain(const RegistryAnswer& answer, int attempts) {
    const bool with_key = !own_users() && m_session.has_key();
    const util::Error error = registry_error(answer, attempts,
                                             {.image = m_reference,
                                              .session = with_key ? &m_session : nullptr,
                                              .anonymous = !own_users() && !with_key,
                                              .stop = m_stop});
    return {error.kind(), m_registry.auth().without_secrets(m_session.without_key(error.what()))};
  }

  std::unique_ptr<Source> make_hub(const std::string& repository, const std::string& revision,
                                   std::vector<std::string> paths) {
    for (std::string& path : paths) {
      path = escaped(path);
    }
    return make_hugging_face_source({.endpoint = m_options.hub,
                                     .repository = parse_repository(repository),
                                     .revision = revision,
                                     .token = m_options.hub_token,
                                     .include = std::move(paths),
                                     .retry = m_options.retry},
                                    m_connection.client, m_connection.clock, m_connection.log);
  }

  // Who asks for no profile wants to know of the image, which is right whatever is in its layers.
  std::optional<ModelManifest> readable_manifest(const std::stop_token& stop) {
    const ProfileWishes& wishes = m_options.wishes;
    const bool asked = !wishes.profile.empty() || !wishes.tags.empty() ||
                       !wishes.gpu_product.empty() || wishes.gpu_count;
    try {
      return model_manifest(stop);
    } catch (const util::Error& error) {
      if (asked || error.kind() == util::ErrorKind::interrupted) {
        throw;
      }
      // The last line; network failures have the product's own sentence in front.
      const std::string_view reason = error.what();
      const auto line_end = reason.rfind('\n');
      m_plan.reason = reason.substr(line_end == std::string_view::npos ? 0 : line_end + 1);
      return std::nullopt;
    }
  }

  // Empty, with the reason in the plan, when the image has none.
  std::optional<ModelManifest> model_manifest(const std::stop_token& stop) {
    if (!m_options.manifest_text.empty()) {
      m_plan.manifest_origin = "the file NIM_MANIFEST_FILE";
      return parse_model_manifest(m_options.manifest_text);
    }
    const auto label = m_image->labels.find(std::string(k_protocol_label));
    if (label != m_image->labels.end() && label->second == k_native) {
      m_plan.reason = fmt::format(
          "the image fetches its model by its own protocol ({}), so nothing can be staged for it",
          k_native);
      return std::nullopt;
    }
    const std::string name = m_image->digest.hex() + ".yaml";
    if (auto kept = m_store.load(name); kept && kept->starts_with(k_origin_mark)) {
      try {
        auto parsed = parse_model_manifest(*kept);
        const auto line_end = kept->find('\n');
        m_plan.manifest_origin =
            kept->substr(k_origin_mark.size(), line_end - k_origin_mark.size());
        return parsed;
      } catch (const util::Error& error) {
        m_connection.log.warning(
            "manifest_discarded",
            fmt::format("the kept model manifest is read again: {}", error.what()));
      }
    }
    return find_manifest(name, stop);
  }

  std::optional<ModelManifest> find_manifest(const std::string& name, const std::stop_token& stop) {
    std::vector<std::string> candidates;
    if (const auto named = m_image->environment.find(k_manifest_variable);
        named != m_image->environment.end() && !named->second.empty() &&
        util::printable(named->second, k_max_manifest_path_bytes) == named->second) {
      candidates.push_back(named->second);
    }
    for (const char* path :
         {"/opt/nim/etc/default/model_manifest.yaml", "/etc/nim/config/model_manifest.yaml",
          "/opt/nim/etc/config/default/model_manifest.yaml"}) {
      candidates.emplace_back(path);
    }
    ManifestFinder finder(m_registry, *m_image, m_connection.log);
    const auto found = finder.find(candidates, stop);
    if (!found) {
      m_plan.reason = fmt::format("the image has no model manifest: {}", finder.problem());
      return std::nullopt;
    }
    m_plan.manifest_origin =
        fmt::format("{} in the layer {}{}", found->path, found->layer.to_string(),
                    found->verified ? "" : ", whose digest was not checked");
    auto parsed = parse_model_manifest(found->content);
    m_store.save(name,
                 fmt::format("{}{}\n{}", k_origin_mark, m_plan.manifest_origin, found->content));
    return parsed;
  }

  // For the table only: what NGC does not tell stays open.
  void add_sizes(const ModelManifest& models, const std::stop_token& stop) {
    for (std::size_t i = 0; i < std::min(models.profiles.size(), k_max_sized_profiles); ++i) {
      try {
        m_plan.profiles[i].bytes = m_staging.size_of(models.profiles[i], stop);
      } catch (const util::Error& error) {
        if (error.kind() == util::ErrorKind::interrupted) {
          throw;
        }
        if (error.kind() == util::ErrorKind::not_found) {
          continue;  // the next one may be another version
        }
        m_connection.log.warning(
            "sizes_unknown", fmt::format("the sizes of profiles are not known: {}", error.what()));
        return;
      }
    }
  }

  NimOptions m_options;
  Connection m_connection;
  TextStore& m_store;
  ImageReference m_reference;
  Platform m_platform;
  NgcSession m_session;
  RegistryClient m_registry;
  Staging m_staging;
  std::stop_token m_stop;
  std::optional<Image> m_image;
  NimPlan m_plan;
};

}  // namespace

std::unique_ptr<NimSource> make_nim_source(NimOptions options, http::Client& client,
                                           util::Clock& clock, util::Log& log, TextStore& store) {
  return std::make_unique<Nim>(std::move(options), client, clock, log, store);
}

std::string parse_image_name(std::string_view text) {
  const ImageReference image = parse_image(text);
  return image.registry.scheme() == "http" ? "http://" + image.to_string() : image.to_string();
}

}  // namespace nai::source
