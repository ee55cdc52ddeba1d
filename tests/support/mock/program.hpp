// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/registry.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace mock {

// What the command line of mock-registry asks for.
struct ProgramOptions {
  bool help = false;
  Options registry;
  std::vector<std::pair<std::string, std::filesystem::path>> directories;  // by repository id
  std::vector<std::filesystem::path> listings;
  std::set<std::string> gated;
  std::set<std::string> private_ones;
  std::set<std::string> disabled;
  std::vector<std::pair<std::string, std::string>> renamed;  // from, to
  std::vector<std::pair<std::string, std::string>> allowed;  // repository, user
  std::vector<std::pair<std::string, std::string>> commits;  // repository, commit id
  std::filesystem::path ca_file;
  std::filesystem::path endpoints_file;
  std::filesystem::path digest_cache;
};

// A mistake on the command line; the text says which.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

ProgramOptions parse_program_options(const std::vector<std::string>& arguments);

std::string help_text();

// Makes the repositories that the options describe, digests included; throws std::exception.
std::vector<Repository> load_repositories(const ProgramOptions& options);

// Runs until SIGTERM or SIGINT; returns the exit status. Throws std::exception.
int run_program(const ProgramOptions& options);

}  // namespace mock
