// SPDX-License-Identifier: Apache-2.0
#include <source/nim/staging.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include <nai/util/text.hpp>

namespace nai::source {

namespace {

// Questions at the same time; each is small.
constexpr std::size_t k_probes = 8;
constexpr std::uint64_t k_max_staged_file_bytes = std::uint64_t{1} << 43U;
constexpr const char* k_ngc_root = "ngc/hub";
constexpr const char* k_hub_root = "huggingface/hub";

[[noreturn]] void refuse(util::ErrorKind kind, const FileOrigin& origin, std::string_view why) {
  throw util::Error(kind, fmt::format("the profile needs {}, {}", origin.to_string(), why));
}

// The best of the checksums that anybody published.
digest::Digest best_digest(const NgcFacts& facts, const std::string& blake3, std::uint64_t size) {
  if (facts.sha256) {
    return *facts.sha256;
  }
  // The image's own word counts more than a list's.
  if (const auto digest = digest::Digest::from_hex(digest::Algorithm::blake3, blake3)) {
    return *digest;
  }
  return facts.blake3.value_or(digest::Digest::of_size(size));
}

}  // namespace

Staging::Staging(NgcSession& session, const Connection& connection, MakeHub make_hub)
    : m_session(session),
      m_connection(connection),
      m_make_hub(std::move(make_hub)),
      m_fetcher(session, connection) {}

void Staging::plan(const Profile& profile, Manifest& manifest, std::vector<StagedFile>& files,
                   const std::stop_token& stop) {
  for (const ProfileFile& file : profile.files) {
    if (file.origin.store == FileOrigin::Store::other) {
      refuse(util::ErrorKind::usage, file.origin,
             "which is neither at NGC nor on the Hub; choose another profile");
    }
    if (file.origin.version.empty() || file.origin.repository.empty()) {
      refuse(util::ErrorKind::content_mismatch, file.origin,
             "and its model manifest does not say which version; choose another profile");
    }
  }
  CacheLayout layout;
  std::vector<Found> found = find_ngc(profile, stop);
  probe_all(found, stop);
  for (const Found& file : found) {
    add_ngc(file, layout);
  }
  if (!found.empty()) {
    layout.add_directory(std::string(k_ngc_root) + "/tmp");
  }
  add_hub(profile, layout, stop);
  // A NIM makes it whether or not the profile has files of the Hub.
  layout.add_reference(std::string(k_hub_root) + "/version.txt", "1");
  layout.finish(manifest, files);
}

std::optional<std::uint64_t> Staging::size_of(const Profile& profile, const std::stop_token& stop) {
  Connection once = m_connection;
  once.retry.max_attempts = 1;
  std::uint64_t total = 0;
  std::set<std::tuple<std::string_view, std::string_view, std::string_view>> counted;
  for (const ProfileFile& file : profile.files) {
    if (file.origin.store != FileOrigin::Store::ngc || file.origin.version.empty()) {
      return std::nullopt;
    }
    if (!counted.emplace(file.origin.repository, file.origin.version, file.origin.path).second) {
      continue;
    }
    const NgcListing& listing =
        listing_of({file.origin.repository, file.origin.version}, once, stop);
    const auto facts = listing.files.find(file.origin.path);
    if (facts == listing.files.end() || !facts->second.size ||
        *facts->second.size > k_max_staged_file_bytes) {
      return std::nullopt;
    }
    total += *facts->second.size;
  }
  return profile.files.empty() ? std::nullopt : std::optional(total);
}

const NgcListing& Staging::listing_of(const NgcVersion& version, const Connection& connection,
                                      const std::stop_token& stop) {
  auto found = m_listings.find(version.to_string());
  if (found == m_listings.end()) {
    found =
        m_listings.emplace(version.to_string(), list_version(m_session, connection, version, stop))
            .first;
  }
  return found->second;
}

std::vector<Staging::Found> Staging::find_ngc(const Profile& profile, const std::stop_token& stop) {
  std::vector<Found> result;
  std::set<std::tuple<std::string_view, std::string_view, std::string_view>> seen;
  for (const ProfileFile& file : profile.files) {
    const FileOrigin& origin = file.origin;
    if (origin.store != FileOrigin::Store::ngc ||
        !seen.emplace(origin.repository, origin.version, origin.path).second) {
      continue;
    }
    const auto parts = util::split(file.origin.repository, '/');
    if (parts.size() < 2 || parts.size() > 3) {
      refuse(util::ErrorKind::content_mismatch, file.origin,
             "which is not org/model or org/team/model");
    }
    NgcVersion version{file.origin.repository, file.origin.version};
    const NgcListing& listing = listing_of(version, m_connection, stop);
    const auto facts = listing.files.find(file.origin.path);
    if (facts == listing.files.end() && listing.complete) {
      refuse(util::ErrorKind::not_found, file.origin,
             fmt::format("which is not among the {} files that NGC lists", listing.files.size()));
    }
    result.push_back({.file = {.version = std::move(version), .path = file.origin.path},
                      .facts = facts == listing.files.end() ? NgcFacts{} : facts->second,
                      .probe = {},
                      .blake3 = file.blake3});
  }
  return result;
}

// Sizes and entity tags are not in any list.
void Staging::probe_all(std::vector<Found>& files, const std::stop_token& stop) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr problem;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < files.size(); i = next++) {
        files[i].probe = m_fetcher.probe(files[i].file, stop);
      }
    } catch (...) {
      next = files.size();
      const std::lock_guard lock(mutex);
      problem = problem ? problem : std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(k_probes, files.size()); ++i) {
      threads.emplace_back(work);
    }
  }
  if (problem) {
    std::rethrow_exception(problem);
  }
}

void Staging::add_ngc(const Found& found, CacheLayout& layout) {
  const FileOrigin origin{.store = FileOrigin::Store::ngc,
                          .repository = found.file.version.repository,
                          .version = found.file.version.version,
                          .path = found.file.path};
  const std::uint64_t size = found.probe.size;
  if (size > k_max_staged_file_bytes) {
    refuse(util::ErrorKind::content_mismatch, origin, "which has no size that makes sense");
  }
  if (found.facts.size && *found.facts.size != size) {
    refuse(util::ErrorKind::content_mismatch, origin,
           fmt::format("which NGC lists with {} bytes and has {} of", *found.facts.size, size));
  }
  const std::string path =
      layout.add(k_ngc_root, {.repository = origin.repository,
                              .revision = origin.version,
                              .snapshot = origin.version,
                              .path = origin.path,
                              .etag = found.probe.etag,
                              .size = size,
                              .digest = best_digest(found.facts, found.blake3, size),
                              .origin = origin.to_string(),
                              .url = m_fetcher.url_of(found.file)});
  NgcFile file = found.file;
  file.etag = found.probe.etag;
  m_ngc_files.emplace(path, std::move(file));
}

void Staging::add_hub(const Profile& profile, CacheLayout& layout, const std::stop_token& stop) {
  std::map<std::pair<std::string, std::string>, std::set<std::string>> wanted;
  for (const ProfileFile& file : profile.files) {
    if (file.origin.store == FileOrigin::Store::hugging_face) {
      wanted[{file.origin.repository, file.origin.version}].insert(file.origin.path);
    }
  }
  for (const auto& [repository, paths] : wanted) {
    m_hubs.push_back(m_make_hub(repository.first, repository.second, {paths.begin(), paths.end()}));
    Source& hub = *m_hubs.back();
    const std::string commit = hub.resolve(stop);
    const Manifest files = hub.list(stop);
    std::map<std::string_view, const Artifact*> artifacts;
    for (const Artifact& artifact : files.artifacts) {
      artifacts.emplace(artifact.path, &artifact);
    }
    for (const std::string& path : paths) {
      FileOrigin origin{.store = FileOrigin::Store::hugging_face,
                        .repository = repository.first,
                        .version = repository.second,
                        .path = path};
      const auto entry = artifacts.find(path);
      if (entry == artifacts.end()) {
        refuse(util::ErrorKind::not_found, origin, "which the Hub does not have");
      }
      const Artifact* found = entry->second;
      const std::string blob = layout.add(k_hub_root, {.repository = repository.first,
                                                       .revision = repository.second,
                                                       .snapshot = commit,
                                                       .path = path,
                                                       .etag = found->digest.hex(),
                                                       .size = found->size,
                                                       .digest = found->digest,
                                                       .origin = origin.to_string(),
                                                       .url = found->url});
      m_hub_files.emplace(blob, HubFile{&hub, *found});
    }
  }
}

FetchResult Staging::fetch(const RangeRequest& request, const std::stop_token& stop) {
  if (const auto file = m_ngc_files.find(request.artifact.path); file != m_ngc_files.end()) {
    return m_fetcher.fetch(file->second, request, stop);
  }
  const HubFile& file = m_hub_files.at(request.artifact.path);
  return file.source->fetch(*file.artifact, request.range, request.sink, stop);
}

void Staging::forget(const Artifact& artifact) {
  if (const auto file = m_hub_files.find(artifact.path); file != m_hub_files.end()) {
    file->second.source->forget(*file->second.artifact);
  } else {
    m_fetcher.forget(artifact.path);
  }
}

}  // namespace nai::source
