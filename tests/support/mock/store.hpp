// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/repository.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace mock {

// One file as the CDN hosts know it. It stays readable when its repository is replaced.
struct StoredFile {
  std::string repository;
  std::string path;  // in the repository
  std::string cdn_path;
  Content content;
  std::string etag;  // with its quotes
};

// All repositories of a registry. All members may be called from any thread.
class Store {
 public:
  // Replaces a repository of the same id.
  void put(Repository repository);
  void remove(const std::string& id);

  std::shared_ptr<const Repository> find(const std::string& id) const;
  std::vector<std::shared_ptr<const Repository>> all() const;

  // The number under which the CDN hosts serve the file.
  std::uint64_t publish(const std::string& repository, const File& file);
  std::optional<StoredFile> published(std::uint64_t number) const;

 private:
  mutable std::mutex m_mutex;
  std::map<std::string, std::shared_ptr<const Repository>> m_repositories;
  std::map<std::string, std::uint64_t> m_numbers;
  std::vector<StoredFile> m_published;
};

}  // namespace mock
