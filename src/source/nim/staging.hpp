// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <source/nim/cache_layout.hpp>
#include <source/nim/model_manifest.hpp>
#include <source/nim/ngc_fetcher.hpp>

namespace nai::source {

// The files of a profile, found at NGC and the Hub, and how to get ranges of them.
class Staging {
 public:
  // Makes the source of one repository of the Hub, for certain files only.
  using MakeHub = std::function<std::unique_ptr<Source>(
      const std::string& repository, const std::string& revision, std::vector<std::string> paths)>;

  Staging(NgcSession& session, const Connection& connection, MakeHub make_hub);

  // Finds all files of the profile. Throws Error, also when one of them is nowhere.
  void plan(const Profile& profile, Manifest& manifest, std::vector<StagedFile>& files,
            const std::stop_token& stop);
  // What NGC lists for the files of a profile in all; empty when it does not list one of them. Asks
  // without retries: no more than people's information depends on it.
  [[nodiscard]] std::optional<std::uint64_t> size_of(const Profile& profile,
                                                     const std::stop_token& stop);

  [[nodiscard]] FetchResult fetch(const RangeRequest& request, const std::stop_token& stop);
  void forget(const Artifact& artifact);

 private:
  struct HubFile {
    Source* source = nullptr;
    std::optional<Artifact> artifact;  // as the Hub names it
  };
  // A file of NGC's on its way into the plan.
  struct Found {
    NgcFile file;
    NgcFacts facts;
    NgcProbe probe;
    std::string blake3;  // from the model manifest
  };

  [[nodiscard]] const NgcListing& listing_of(const NgcVersion& version,
                                             const Connection& connection,
                                             const std::stop_token& stop);
  [[nodiscard]] std::vector<Found> find_ngc(const Profile& profile, const std::stop_token& stop);
  void probe_all(std::vector<Found>& files, const std::stop_token& stop);
  void add_ngc(const Found& found, CacheLayout& layout);
  void add_hub(const Profile& profile, CacheLayout& layout, const std::stop_token& stop);

  NgcSession& m_session;
  const Connection& m_connection;
  MakeHub m_make_hub;
  NgcFetcher m_fetcher;
  std::map<std::string, NgcListing> m_listings;  // by version
  std::vector<std::unique_ptr<Source>> m_hubs;
  std::map<std::string, NgcFile> m_ngc_files;  // by the artifact's path
  std::map<std::string, HubFile> m_hub_files;
};

}  // namespace nai::source
