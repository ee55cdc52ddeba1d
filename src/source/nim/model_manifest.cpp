// SPDX-License-Identifier: Apache-2.0
#include <source/nim/model_manifest.hpp>

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

#include <source/nim/yaml.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_max_profiles = 10'000;
constexpr std::size_t k_max_manifest_files =
    500'000;  // of all profiles, those that aliases repeat included

[[noreturn]] void refuse(const std::string& why) {
  throw util::Error(util::ErrorKind::content_mismatch,
                    fmt::format("the model manifest of the image cannot be used: {}", why));
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

// Without the estimated memory at its end ("-33.0"), in lower case.
std::string plain_name(std::string_view name) {
  const auto dash = name.rfind('-');
  if (dash != std::string_view::npos && is_number(name.substr(dash + 1))) {
    name = name.substr(0, dash);
  }
  return util::to_lower(name);
}

std::string joined(const std::vector<std::string>& parts) {
  std::string result;
  for (const std::string& part : parts) {
    if (!part.empty()) {
      result += (result.empty() ? "" : "-") + part;
    }
  }
  return result;
}

std::string prefixed(std::string_view prefix, const std::string& value) {
  return value.empty() ? "" : std::string(prefix) + value;
}

// The names under which NIMs of several generations show a profile; the usual one first.
std::vector<std::string> names_of(const Profile& profile) {
  const std::string tp = prefixed("tp", profile.tag("tp"));
  const std::string pp = prefixed("pp", profile.tag("pp"));
  const std::string gpu = util::to_lower(profile.tag("gpu"));
  const std::string buildable = profile.is_buildable() ? "trtllm_buildable" : "";
  const std::string lora = profile.has_lora() ? "lora" : "";
  const std::string precision = profile.tag("precision");
  const std::string goal = profile.tag("profile");
  return {gpu.empty() ? joined({profile.engine(), buildable, precision, tp, pp, lora})
                      : joined({profile.engine(), gpu, precision, tp, goal, lora}),
          joined({profile.engine(), gpu, buildable, precision, tp, pp, goal, lora}),
          joined({profile.engine(), gpu, buildable, precision, tp, pp, lora}),
          joined({profile.engine(), gpu, buildable, precision, tp, pp, goal}),
          joined({profile.engine(), gpu, precision, tp, goal})};
}

class Reader {
 public:
  ModelManifest read(const YamlNode& root) {
    if (!root.is_mapping()) {
      refuse("it is not a mapping");
    }
    ModelManifest manifest;
    const YamlNode* profiles = root.find("profiles");
    const YamlNode* legacy = root.find("manifest");
    if (profiles != nullptr && profiles->is_sequence()) {
      manifest.schema = root.text("schema_version");
      read_list(*profiles, manifest);
    } else if (legacy != nullptr && legacy->is_sequence()) {
      manifest.schema = "legacy";
      read_list(*legacy, manifest);
    } else {
      manifest.schema = "v1";
      read_map(root, manifest);
    }
    for (Profile& profile : manifest.profiles) {
      profile.name = names_of(profile).front();
    }
    check(manifest);
    return manifest;
  }

 private:
  void read_list(const YamlNode& list, ModelManifest& manifest) {
    for (const YamlNode* entry : list.items) {
      if (!entry->is_mapping()) {
        continue;
      }
      Profile& profile = add(manifest, entry->text("id"));
      read_tags(*entry, profile);
      const YamlNode* workspace = entry->find("workspace");
      const YamlNode* files = workspace == nullptr ? nullptr : workspace->find("files");
      if (files != nullptr) {
        read_files(*files, profile);
      } else {
        read_components(workspace, profile);
      }
    }
  }

  void read_map(const YamlNode& root, ModelManifest& manifest) {
    for (const auto& [id, entry] : root.members) {
      if (!entry->is_mapping()) {
        continue;
      }
      if (entry->find("tags") == nullptr && entry->find("workspace") == nullptr) {
        continue;
      }
      Profile& profile = add(manifest, id);
      read_tags(*entry, profile);
      read_components(entry->find("workspace"), profile);
    }
  }

  static Profile& add(ModelManifest& manifest, const std::string& id) {
    if (manifest.profiles.size() >= k_max_profiles) {
      refuse("it has too many profiles");
    }
    Profile& profile = manifest.profiles.emplace_back();
    profile.id = util::printable(id, 200);
    return profile;
  }

  static void read_tags(const YamlNode& entry, Profile& profile) {
    const YamlNode* tags = entry.find("tags");
    if (tags == nullptr) {
      return;
    }
    for (const auto& [key, value] : tags->members) {
      if (value->kind == YamlNode::Kind::scalar && !value->is_null()) {
        profile.tags.insert_or_assign(util::printable(key, 100),
                                      util::printable(value->scalar, 200));
      }
    }
  }

  // files: {<destination>: {uri: ..., checksum: "blake3:..."}}
  void read_files(const YamlNode& files, Profile& profile) {
    for (const auto& [destination, file] : files.members) {
      const std::string uri =
          file->kind == YamlNode::Kind::scalar ? file->scalar : file->text("uri");
      ProfileFile& added = add_file(profile);
      added.destination = destination;
      added.origin = parse_origin(uri);
      if (added.origin.path.empty()) {
        added.origin.path = destination;
      }
      const std::string checksum = file->text("checksum");
      constexpr std::string_view k_blake3 = "blake3:";
      if (checksum.starts_with(k_blake3)) {
        added.blake3 = util::to_lower(checksum.substr(k_blake3.size()));
      }
    }
  }

  // components: [{dst: ..., src: {repo_id: ..., files: [...]}}]
  void read_components(const YamlNode* workspace, Profile& profile) {
    const YamlNode* components = workspace == nullptr ? nullptr : workspace->find("components");
    if (components == nullptr) {
      return;
    }
    for (const YamlNode* component : components->items) {
      const YamlNode* source = component->find("src");
      const YamlNode* files = source == nullptr ? nullptr : source->find("files");
      if (files == nullptr) {
        continue;
      }
      const FileOrigin repository = parse_origin(source->text("repo_id"));
      const std::string directory = component->text("dst");
      for (const YamlNode* file : files->items) {
        const std::string path = file_name(*file);
        if (path.empty()) {
          continue;
        }
        ProfileFile& added = add_file(profile);
        added.destination = directory.empty() ? path : fmt::format("{}/{}", directory, path);
        added.origin = repository;
        added.origin.path = path;
      }
    }
  }

  // A scalar, {name: <file>}, or {<file>: ...}.
  static std::string file_name(const YamlNode& node) {
    if (!node.is_mapping()) {
      return node.scalar;
    }
    const std::string named = node.text("name");
    return !named.empty() || node.members.empty() ? named : node.members.front().first;
  }

  ProfileFile& add_file(Profile& profile) {
    if (++m_files > k_max_manifest_files) {
      refuse("it has too many files");
    }
    return profile.files.emplace_back();
  }

  static void check(const ModelManifest& manifest) {
    if (manifest.profiles.empty()) {
      refuse("it has no profiles");
    }
    std::set<std::string_view> ids;
    for (const Profile& profile : manifest.profiles) {
      if (profile.id.empty() || !ids.insert(profile.id).second) {
        refuse(profile.id.empty() ? "a profile has no id"
                                  : fmt::format("two profiles have the id {}", profile.id));
      }
    }
  }

  std::size_t m_files = 0;
};

}  // namespace

std::string FileOrigin::to_string() const {
  const char* scheme = store == Store::ngc ? "ngc" : store == Store::hugging_face ? "hf" : "other";
  return util::printable(fmt::format("{}://{}{}{}?file={}", scheme, repository,
                                     version.empty() ? "" : ":", version, path),
                         400);
}

FileOrigin parse_origin(std::string_view uri) {
  FileOrigin origin{.store = FileOrigin::Store::ngc, .repository = {}, .version = {}, .path = {}};
  if (const auto scheme = uri.find("://"); scheme != std::string_view::npos) {
    const std::string_view name = uri.substr(0, scheme);
    origin.store = name == "ngc"  ? FileOrigin::Store::ngc
                   : name == "hf" ? FileOrigin::Store::hugging_face
                                  : FileOrigin::Store::other;
    uri.remove_prefix(scheme + 3);
  }
  constexpr std::string_view k_file = "file=";
  constexpr std::string_view k_default_branch = "main";
  const auto query = uri.find('?');
  if (query != std::string_view::npos) {
    for (const std::string_view part : util::split(uri.substr(query + 1), '&')) {
      if (part.starts_with(k_file)) {
        origin.path = part.substr(k_file.size());
      }
    }
    uri = uri.substr(0, query);
  }
  const auto colon = uri.find(':');
  origin.repository = uri.substr(0, colon);
  if (colon != std::string_view::npos) {
    origin.version = uri.substr(colon + 1);
  } else if (origin.store == FileOrigin::Store::hugging_face) {
    origin.version = k_default_branch;  // as every client of the Hub takes it
  } else if (const auto parts = util::split(uri, '/'); origin.path.empty() && parts.size() > 3) {
    // ngc://org/team/model/file: without a version, and so not to be fetched.
    const auto name = parts[0].size() + parts[1].size() + parts[2].size() + 2;
    origin.repository = uri.substr(0, name);
    origin.path = uri.substr(name + 1);
  }
  return origin;
}

std::string Profile::tag(const std::string& key) const {
  const auto found = tags.find(key);
  return found == tags.end() ? "" : found->second;
}

bool Profile::has(const std::string& feature) const {
  return util::equals_ignoring_case(tag(feature), "true");
}

std::string Profile::engine() const {
  for (const char* key : {"llm_engine", "model_type", "backend"}) {
    if (std::string value = tag(key); !value.empty()) {
      return value;
    }
  }
  return "";
}

bool Profile::is_for_gpu() const {
  const std::string key = tag("key");
  return !tag("gpu").empty() || !tag("gpu_device").empty() || !tag("product_name_regex").empty() ||
         (!key.empty() && key != engine());
}

unsigned Profile::gpus() const {
  constexpr std::uint64_t k_most = 1024;
  const auto number = [&](const char* key) {
    return std::clamp<std::uint64_t>(util::parse_decimal(tag(key)).value_or(1), 1, k_most);
  };
  const std::uint64_t split = number("tp") * number("pp");
  return static_cast<unsigned>(std::max(split, number("number_of_gpus")));
}

bool Profile::has_name(std::string_view wanted) const {
  const std::string plain = plain_name(wanted);
  const auto names = names_of(*this);
  return !plain.empty() && std::any_of(names.begin(), names.end(), [&](const std::string& own) {
    return plain_name(own) == plain;
  });
}

ModelManifest parse_model_manifest(std::string_view text) {
  std::string problem;
  const auto document = YamlDocument::parse(text, problem);
  if (!document) {
    refuse(problem);
  }
  return Reader().read(document->root());
}

}  // namespace nai::source
