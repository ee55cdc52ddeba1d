// SPDX-License-Identifier: Apache-2.0
#include <source/nim/image.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/util/json.hpp>
#include <nai/util/text.hpp>

namespace nai::source {

namespace {

using nlohmann::json;

constexpr std::size_t k_max_config_bytes = std::size_t{8} << 20U;
constexpr std::size_t k_max_layers = 1024;
constexpr std::uint64_t k_max_layer_bytes = std::uint64_t{1} << 43U;

[[noreturn]] void refuse(const ImageReference& reference, const std::string& why) {
  throw util::Error(util::ErrorKind::content_mismatch,
                    fmt::format("{}: {}", reference.to_string(), why));
}

json parse(const ImageReference& reference, std::string_view text, std::string_view what) {
  std::string problem;
  auto parsed = util::parse_json(text, &problem);
  if (!parsed || !parsed->is_object()) {
    refuse(reference, fmt::format("its {} is no JSON object: {}", what, problem));
  }
  return *std::move(parsed);
}

const json& array_of(const json& object, const char* name) {
  static const json k_empty = json::array();
  const json* found = util::member(object, name);
  return found != nullptr && found->is_array() ? *found : k_empty;
}

// What an array member's string "NAME=value" says, or an object's member.
std::map<std::string, std::string> strings_of(const json* object) {
  std::map<std::string, std::string> result;
  if (object != nullptr && object->is_object()) {
    for (const auto& [name, value] : object->items()) {
      if (value.is_string()) {
        result.emplace(name, value.get<std::string>());
      }
    }
  } else if (object != nullptr && object->is_array()) {
    for (const json& entry : *object) {
      const std::string text = entry.is_string() ? entry.get<std::string>() : "";
      if (const auto equals = text.find('='); equals != std::string::npos) {
        result.insert_or_assign(text.substr(0, equals), text.substr(equals + 1));
      }
    }
  }
  return result;
}

Blob blob_of(const ImageReference& reference, const json& descriptor, std::string_view what) {
  const auto digest = digest::Digest::parse(util::string_member(descriptor, "digest").value_or(""));
  const auto size = util::unsigned_member(descriptor, "size");
  if (!digest || digest->algorithm() != digest::Algorithm::sha256 || !size ||
      *size > k_max_layer_bytes) {
    refuse(reference, fmt::format("its manifest describes {} without a sha256 and a size", what));
  }
  return {.digest = *digest,
          .size = *size,
          .media_type = util::string_member(descriptor, "mediaType").value_or("")};
}

// Entries that build tools add beside the images of platforms.
bool is_attestation(const json& entry) {
  const json* annotations = util::member(entry, "annotations");
  return annotations != nullptr &&
         util::string_member(*annotations, "vnd.docker.reference.type") == "attestation-manifest";
}

// What an object, such as a configuration, says of a platform.
Platform platform_in(const json& object) {
  const auto text = [&](const char* name) {
    return util::printable(util::string_member(object, name).value_or(""), 60);
  };
  return {.os = text("os"), .architecture = text("architecture"), .variant = text("variant")};
}

Platform platform_of(const json& entry) {
  const json* platform = util::member(entry, "platform");
  return platform == nullptr ? Platform{} : platform_in(*platform);
}

Blob choose_platform(const ImageReference& reference, const json& index, const Platform& platform) {
  std::string offered;
  int unnamed = 0;
  const json* last_unnamed = nullptr;
  for (const json& entry : array_of(index, "manifests")) {
    const Platform found = platform_of(entry);
    if (is_attestation(entry) || found.os == "unknown" || found.architecture == "unknown") {
      continue;
    }
    if (found.os == platform.os && found.architecture == platform.architecture &&
        (platform.variant.empty() || found.variant == platform.variant)) {
      return blob_of(reference, entry, platform.to_string());
    }
    if (found.os.empty() && found.architecture.empty()) {
      ++unnamed;
      last_unnamed = &entry;
      continue;
    }
    offered += (offered.empty() ? "" : ", ") + util::printable(found.to_string(), 60);
  }
  // An index need not name platforms; then its only image is meant, whose configuration does.
  if (unnamed == 1 && offered.empty()) {
    return blob_of(reference, *last_unnamed, platform.to_string());
  }
  throw util::Error(
      util::ErrorKind::not_found,
      fmt::format("{}: there is no image for {} (NIM_PLATFORM), only for {}", reference.to_string(),
                  platform.to_string(), offered.empty() ? "nothing" : offered));
}

// The build step of each layer; empty texts where the history does not fit the layers.
std::vector<std::string> steps_of(const json& config, std::size_t layers) {
  std::vector<std::string> steps;
  for (const json& entry : array_of(config, "history")) {
    const json* empty = util::member(entry, "empty_layer");
    if (empty == nullptr || !empty->is_boolean() || !empty->get<bool>()) {
      steps.push_back(util::string_member(entry, "created_by").value_or(""));
    }
  }
  if (steps.size() != layers) {
    steps.assign(layers, "");
  }
  return steps;
}

}  // namespace

std::optional<Platform> Platform::parse(std::string_view text) {
  const auto parts = util::split(text, '/');
  const bool complete = std::none_of(parts.begin(), parts.end(), [](auto part) {
    return part.empty() || part.find_first_of(" \t,") != std::string_view::npos;
  });
  if (parts.size() < 2 || parts.size() > 3 || !complete) {
    return std::nullopt;
  }
  return Platform{.os = std::string(parts[0]),
                  .architecture = std::string(parts[1]),
                  .variant = std::string(parts.size() == 3 ? parts[2] : "")};
}

std::string Platform::to_string() const {
  return fmt::format("{}/{}{}{}", os, architecture, variant.empty() ? "" : "/", variant);
}

Image resolve_image(RegistryClient& registry, const ImageReference& reference,
                    const Platform& platform, const std::stop_token& stop) {
  RegistryManifest manifest = registry.get_manifest(reference.version(), stop);
  const digest::Digest named = manifest.digest;
  json content = parse(reference, manifest.body, "manifest");
  if (util::member(content, "manifests") != nullptr) {
    const Blob child = choose_platform(reference, content, platform);
    manifest = registry.get_manifest(child.digest.to_string(), stop);
    if (manifest.body.size() != child.size) {
      refuse(
          reference,
          fmt::format("the manifest for {}, as {} sent it, has {} bytes instead of {}",
                      platform.to_string(), registry.sender(), manifest.body.size(), child.size));
    }
    content = parse(reference, manifest.body, "manifest");
  }
  const json* config = util::member(content, "config");
  if (config == nullptr || util::member(content, "layers") == nullptr) {
    refuse(reference, util::unsigned_member(content, "schemaVersion") == 1
                          ? "its manifest has the old format 1, which is not supported"
                          : "its manifest is not that of an image");
  }
  const Blob config_blob = blob_of(reference, *config, "a configuration");
  const json settings =
      parse(reference, registry.get_blob(config_blob, k_max_config_bytes, stop), "configuration");

  const Platform own = platform_in(settings);
  Image image{.reference_digest = named,
              .digest = manifest.digest,
              .platform = own.os.empty() || own.architecture.empty() ? platform : own,
              .layers = {},
              .labels = {},
              .environment = {}};
  const json& layers = array_of(content, "layers");
  if (layers.size() > k_max_layers) {
    refuse(reference, fmt::format("it has {} layers", layers.size()));
  }
  const auto steps = steps_of(settings, layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    image.layers.push_back({blob_of(reference, layers[i], "a layer"), steps[i]});
  }
  if (const json* run = util::member(settings, "config"); run != nullptr) {
    image.labels = strings_of(util::member(*run, "Labels"));
    image.environment = strings_of(util::member(*run, "Env"));
  }
  return image;
}

}  // namespace nai::source
