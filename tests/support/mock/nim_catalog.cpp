// SPDX-License-Identifier: Apache-2.0
#include "support/mock/nim_catalog.hpp"

#include "support/mock/digest.hpp"

#include <nlohmann/json.hpp>

namespace mock {

namespace {

using nlohmann::ordered_json;

constexpr const char* k_docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* k_oci_index = "application/vnd.oci.image.index.v1+json";

std::string config_of(const NimImage& image, const std::string& architecture) {
  ordered_json config = {{"architecture", architecture},
                         {"os", "linux"},
                         {"config", {{"Env", image.environment}, {"Labels", image.labels}}},
                         {"history", ordered_json::array()}};
  for (const NimLayer& layer : image.layers) {
    config["history"].push_back({{"created_by", "ENV A=B"}, {"empty_layer", true}});
    config["history"].push_back({{"created_by", layer.created_by}});
  }
  if (!image.with_history) {
    config["history"].erase(0);
    config["history"].erase(0);
  }
  return config.dump();
}

ordered_json descriptor(const std::string& document, const char* architecture) {
  return {{"mediaType", k_docker_manifest},
          {"digest", "sha256:" + sha256_hex(document)},
          {"size", document.size()},
          {"platform", {{"architecture", architecture}, {"os", "linux"}}}};
}

}  // namespace

std::string NimCatalog::put(const std::string& repository, std::string document,
                            const std::string& media_type, const std::string& tag) {
  const std::string digest = "sha256:" + sha256_hex(document);
  const RegistryObject object{Content::inline_bytes(std::move(document)), media_type};
  m_manifests[repository][digest] = object;
  if (!tag.empty()) {
    m_manifests[repository][tag] = object;
  }
  return digest;
}

std::string NimCatalog::add(const NimImage& image) {
  const std::lock_guard lock(m_mutex);
  if (image.is_public) {
    m_public.insert(image.repository);
  }
  const auto manifest_of = [&](const std::string& architecture) {
    const std::string config = config_of(image, architecture);
    const std::string config_digest = "sha256:" + sha256_hex(config);
    m_blobs[config_digest] = {Content::inline_bytes(config), "application/octet-stream"};
    ordered_json manifest = {{"schemaVersion", 2},
                             {"mediaType", k_docker_manifest},
                             {"config",
                              {{"mediaType", "application/vnd.docker.container.image.v1+json"},
                               {"size", config.size()},
                               {"digest", config_digest}}},
                             {"layers", ordered_json::array()}};
    for (const NimLayer& layer : image.layers) {
      const std::string digest = "sha256:" + layer.content.sha256();
      m_blobs[digest] = {layer.content, "application/octet-stream"};
      manifest["layers"].push_back(
          {{"mediaType", layer.media_type}, {"size", layer.content.size()}, {"digest", digest}});
    }
    return manifest.dump(2);
  };
  const std::string amd64 = manifest_of("amd64");
  if (!image.as_index) {
    return put(image.repository, amd64, k_docker_manifest, image.tag);
  }
  const std::string arm64 = manifest_of("arm64");
  ordered_json attestation = descriptor("{}", "unknown");
  attestation["platform"]["os"] = "unknown";
  attestation["annotations"] = {{"vnd.docker.reference.type", "attestation-manifest"}};
  const ordered_json index = {
      {"schemaVersion", 2},
      {"mediaType", k_oci_index},
      {"manifests", {attestation, descriptor(arm64, "arm64"), descriptor(amd64, "amd64")}}};
  put(image.repository, arm64, k_docker_manifest, "");
  put(image.repository, index.dump(), k_oci_index, image.tag);
  return put(image.repository, amd64, k_docker_manifest, "");
}

void NimCatalog::add(NgcModel model) {
  const std::lock_guard lock(m_mutex);
  const std::string name = model.repository + ":" + model.version;
  m_models[name] = std::move(model);
}

bool NimCatalog::has_repository(const std::string& repository) const {
  const std::lock_guard lock(m_mutex);
  return m_manifests.contains(repository);
}

bool NimCatalog::is_public(const std::string& repository) const {
  const std::lock_guard lock(m_mutex);
  return m_public.contains(repository);
}

std::vector<std::string> NimCatalog::tags(const std::string& repository) const {
  const std::lock_guard lock(m_mutex);
  std::vector<std::string> result;
  const auto found = m_manifests.find(repository);
  if (found != m_manifests.end()) {
    for (const auto& [version, object] : found->second) {
      if (!version.starts_with("sha256:")) {
        result.push_back(version);
      }
    }
  }
  return result;
}

std::optional<RegistryObject> NimCatalog::manifest(const std::string& repository,
                                                   const std::string& version) const {
  const std::lock_guard lock(m_mutex);
  const auto found = m_manifests.find(repository);
  if (found == m_manifests.end() || !found->second.contains(version)) {
    return std::nullopt;
  }
  return found->second.at(version);
}

std::optional<RegistryObject> NimCatalog::blob(const std::string& digest) const {
  const std::lock_guard lock(m_mutex);
  const auto found = m_blobs.find(digest);
  return found == m_blobs.end() ? std::nullopt : std::optional(found->second);
}

std::optional<NgcModel> NimCatalog::model(const std::string& repository,
                                          const std::string& version) const {
  const std::lock_guard lock(m_mutex);
  const auto found = m_models.find(repository + ":" + version);
  return found == m_models.end() ? std::nullopt : std::optional(found->second);
}

std::string NimCatalog::publish(const std::string& path, const Content& content,
                                const std::string& etag) {
  const std::lock_guard lock(m_mutex);
  m_published[path] = {content, etag};
  return path;
}

std::optional<NimCatalog::Published> NimCatalog::published(const std::string& path) const {
  const std::lock_guard lock(m_mutex);
  const auto found = m_published.find(path);
  return found == m_published.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace mock
