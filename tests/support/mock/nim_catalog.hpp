// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/nim_content.hpp"
#include "support/mock/signer.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace mock {

// A document or blob of the registry by its digest or tag.
struct RegistryObject {
  Content content;
  std::string media_type;
};

// What a NimService has to offer. All members may be called from any thread.
class NimCatalog {
 public:
  std::string add(const NimImage& image);
  void add(NgcModel model);

  bool has_repository(const std::string& repository) const;
  bool is_public(const std::string& repository) const;
  std::vector<std::string> tags(const std::string& repository) const;
  std::optional<RegistryObject> manifest(const std::string& repository,
                                         const std::string& version) const;
  std::optional<RegistryObject> blob(const std::string& digest) const;

  std::optional<NgcModel> model(const std::string& repository, const std::string& version) const;

  // The path on the content host under which the bytes are from now on.
  std::string publish(const std::string& path, const Content& content, const std::string& etag);
  struct Published {
    Content content;
    std::string etag;
  };
  std::optional<Published> published(const std::string& path) const;

 private:
  std::string put(const std::string& repository, std::string document,
                  const std::string& media_type, const std::string& tag);

  mutable std::mutex m_mutex;
  std::map<std::string, std::map<std::string, RegistryObject>> m_manifests;  // by tag and digest
  std::map<std::string, RegistryObject> m_blobs;
  std::set<std::string> m_public;
  std::map<std::string, NgcModel> m_models;
  std::map<std::string, Published> m_published;
};

}  // namespace mock
