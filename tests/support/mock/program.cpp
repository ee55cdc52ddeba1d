// SPDX-License-Identifier: Apache-2.0
#include "support/mock/program.hpp"

#include "support/mock/loading.hpp"

#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>

namespace mock {

namespace {

using Repositories = std::map<std::string, Repository>;

Repository& named(Repositories& repositories, const std::string& id) {
  const auto found = repositories.find(id);
  if (found == repositories.end()) {
    throw UsageError("no such repository: " + id);
  }
  return found->second;
}

// A repository that is only to be refused needs no content of its own.
Repository& named_or_made(Repositories& repositories, const std::string& id) {
  if (!repositories.contains(id)) {
    repositories[id] = make_repository(id, {regular_file("config.json", "{}\n")});
  }
  return repositories[id];
}

void set_commit(Repository& repository, const std::string& id) {
  repository.commits.front().id = id;
  repository.refs["main"] = id;
}

void compute_all_digests(const ProgramOptions& options,
                         const std::vector<Repository>& repositories) {
  if (options.digest_cache.empty()) {
    for (const Repository& repository : repositories) {
      compute_digests(repository);
    }
    return;
  }
  DigestCache cache(options.digest_cache);
  for (const Repository& repository : repositories) {
    cache.complete(repository);
  }
  cache.save();
}

std::string endpoints_json(const ProgramOptions& options, const Registry& registry) {
  nlohmann::ordered_json json = {{"hub", registry.hub_url()},
                                 {"cdn", registry.cdn_url()},
                                 {"control", registry.control_url()},
                                 {"pid", ::getpid()}};
  if (!options.ca_file.empty()) {
    json["ca_file"] = std::filesystem::absolute(options.ca_file).string();
  }
  return json.dump(2) + "\n";
}

}  // namespace

std::vector<Repository> load_repositories(const ProgramOptions& options) {
  Repositories repositories;
  for (const auto& [id, directory] : options.directories) {
    repositories[id] = load_directory(id, directory);
  }
  for (const auto& listing : options.listings) {
    Repository repository = load_listing(listing);
    repositories[repository.id] = std::move(repository);
  }
  for (const auto& [id, commit] : options.commits) {
    set_commit(named(repositories, id), commit);
  }
  for (const std::string& id : options.gated) {
    named_or_made(repositories, id).gated = true;
  }
  for (const std::string& id : options.private_ones) {
    named_or_made(repositories, id).is_private = true;
  }
  for (const std::string& id : options.disabled) {
    named_or_made(repositories, id).disabled = true;
  }
  for (const auto& [from, to] : options.renamed) {
    repositories[from] = Repository{.id = from, .renamed_to = to};
  }
  for (const auto& [id, user] : options.allowed) {
    named(repositories, id).allowed_users.insert(user);
  }
  std::vector<Repository> list;
  for (auto& [id, repository] : repositories) {
    list.push_back(std::move(repository));
  }
  compute_all_digests(options, list);
  return list;
}

int run_program(const ProgramOptions& options) {
  // Before any thread starts: all of them inherit the mask, and only sigwait takes these signals.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  std::vector<Repository> repositories = load_repositories(options);
  Registry registry(options.registry);
  for (Repository& repository : repositories) {
    registry.add(std::move(repository));
  }
  if (!options.ca_file.empty()) {
    write_atomically(options.ca_file, registry.ca_pem());
  }
  if (!options.endpoints_file.empty()) {
    write_atomically(options.endpoints_file, endpoints_json(options, registry));
  }
  std::cout << "mock-registry: hub " << registry.hub_url() << ", cdn " << registry.cdn_url()
            << ", control " << registry.control_url() << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}

}  // namespace mock
