// SPDX-License-Identifier: Apache-2.0
#include <source/nim/cache_layout.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_longest_name = 200;

[[noreturn]] void refuse_name(std::string_view what, std::string_view name) {
  throw util::Error(util::ErrorKind::content_mismatch,
                    fmt::format("the model manifest has {} \"{}\", which cannot be a path", what,
                                util::printable(name, 200)));
}

// "models--nim--meta--llama-3_1-8b-instruct".
std::string folder_of(const std::string& repository) {
  std::string folder = "models";
  for (const std::string_view part : util::split(repository, '/')) {
    if (!is_plain_name(part)) {
      refuse_name("the repository", repository);
    }
    folder += "--" + std::string(part);
  }
  return folder;
}

// Revisions may have directories: refs/pr/1.
void check_revision(const std::string& revision) {
  const auto parts = util::split(revision, '/');
  if (!std::all_of(parts.begin(), parts.end(), is_plain_name)) {
    refuse_name("the version", revision);
  }
}

}  // namespace

bool is_plain_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '+' || c == '-';
  };
  return !name.empty() && name.size() <= k_longest_name && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), plain);
}

std::string CacheLayout::add(const std::string& root, const CachedFile& file) {
  check_revision(file.revision);
  const std::string base = fmt::format("{}/{}", root, folder_of(file.repository));
  if (!is_plain_name(file.snapshot)) {
    refuse_name("the version", file.snapshot);
  }
  std::string name = is_plain_name(file.etag) ? file.etag : file.digest.hex();
  const Artifact artifact{.path = fmt::format("{}/blobs/{}", base, name),
                          .size = file.size,
                          .digest = file.digest,
                          .url = file.url};
  auto [found, added] = m_artifacts.try_emplace(artifact.path, m_manifest.artifacts.size());
  if (added) {
    m_manifest.artifacts.push_back(artifact);
  } else if (const Artifact& other = m_manifest.artifacts[found->second];
             other.size != file.size || other.digest != file.digest) {
    // The tag names two contents, so it names none.
    CachedFile renamed = file;
    renamed.etag = fmt::format("{}-{}", file.digest.hex(), file.size);
    if (renamed.etag == file.etag) {
      refuse_name("two contents for", file.path);
    }
    return add(root, renamed);
  }
  const std::string link = fmt::format("{}/snapshots/{}/{}", base, file.snapshot, file.path);
  std::string target = fmt::format("../../blobs/{}", artifact.path.substr(base.size() + 7));
  for (auto depth = std::count(file.path.begin(), file.path.end(), '/'); depth > 0; --depth) {
    target.insert(0, "../");
  }
  if (m_links.emplace(link, artifact.path).second) {
    m_manifest.links.push_back({link, target});
    m_files.push_back({.path = link, .blob = artifact.path, .origin = file.origin});
  }
  add_reference(fmt::format("{}/refs/{}", base, file.revision), file.snapshot);
  return artifact.path;
}

void CacheLayout::add_reference(std::string path, std::string text) {
  if (m_references.emplace(path, text).second) {
    m_manifest.references.push_back({std::move(path), std::move(text)});
  }
}

void CacheLayout::finish(Manifest& manifest, std::vector<StagedFile>& files) const {
  std::vector<std::string> paths;
  for (const Artifact& artifact : m_manifest.artifacts) {
    paths.push_back(artifact.path);
  }
  for (const Link& link : m_manifest.links) {
    paths.push_back(link.path);
  }
  for (const Reference& reference : m_manifest.references) {
    paths.push_back(reference.path);
  }
  validate_names(paths);
  manifest.artifacts = m_manifest.artifacts;
  manifest.links = m_manifest.links;
  manifest.references = m_manifest.references;
  manifest.directories = m_manifest.directories;
  files = m_files;
}

}  // namespace nai::source
