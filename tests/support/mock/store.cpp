// SPDX-License-Identifier: Apache-2.0
#include "support/mock/store.hpp"

#include "support/mock/digest.hpp"

namespace mock {

void Store::put(Repository repository) {
  auto shared = std::make_shared<const Repository>(std::move(repository));
  const std::lock_guard lock(m_mutex);
  m_repositories[shared->id] = shared;
}

void Store::remove(const std::string& id) {
  const std::lock_guard lock(m_mutex);
  m_repositories.erase(id);
}

std::shared_ptr<const Repository> Store::find(const std::string& id) const {
  const std::lock_guard lock(m_mutex);
  const auto found = m_repositories.find(id);
  return found == m_repositories.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const Repository>> Store::all() const {
  const std::lock_guard lock(m_mutex);
  std::vector<std::shared_ptr<const Repository>> repositories;
  for (const auto& [id, repository] : m_repositories) {
    repositories.push_back(repository);
  }
  return repositories;
}

std::uint64_t Store::publish(const std::string& repository, const File& file) {
  const std::string shown = file.shown_id();
  const std::string key = repository + "\n" + file.path + "\n" + shown;
  const std::lock_guard lock(m_mutex);
  const auto known = m_numbers.find(key);
  if (known != m_numbers.end()) {
    m_published[known->second].content = file.content;
    return known->second;
  }
  StoredFile stored{
      .repository = repository,
      .path = file.path,
      .cdn_path = "/xet-bridge-us/" + sha1_hex(repository).substr(0, 24) + "/" + shown,
      .content = file.content,
      .etag = '"' + shown + '"'};
  const std::uint64_t number = m_published.size();
  m_published.push_back(std::move(stored));
  m_numbers[key] = number;
  return number;
}

std::optional<StoredFile> Store::published(std::uint64_t number) const {
  const std::lock_guard lock(m_mutex);
  return number < m_published.size() ? std::optional(m_published[number]) : std::nullopt;
}

}  // namespace mock
