// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/repository.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace mock {

// A directory's regular files, symlinks followed, as one commit. Throws std::exception.
Repository load_directory(const std::string& id, const std::filesystem::path& directory);

// A repository that was only described, with made-up contents:
//   {"id": "org/name", "commit": "<40 hex>", "files": [{"path": "a/b", "size": 123}, ...]}
// A file may also have "lfs" (default: the Hub's rule), "seed" (default: from the path), "sha256"
// (taken on trust, saves reading large files) and "text" (the content itself, instead of "size").
// Contents look like what their names say: .json files parse, .safetensors files have a header.
// Throws std::runtime_error that names the file and what is wrong with it.
Repository load_listing(const std::filesystem::path& file);

// The made-up content of a listed file.
Content plausible_content(const std::string& path, std::uint64_t seed, std::uint64_t size);

// SHA-256 digests of large contents, kept between runs of the program.
class DigestCache {
 public:
  // An absent or broken file is an empty cache.
  explicit DigestCache(std::filesystem::path file);

  // Gives known digests to the repository's files, computes the others, and remembers them.
  void complete(const Repository& repository);

  // Replaces the file; throws std::runtime_error.
  void save() const;

 private:
  std::filesystem::path m_file;
  std::map<std::string, std::string> m_digests;
};

// Replaces a file in one step; throws std::runtime_error.
void write_atomically(const std::filesystem::path& file, const std::string& text);

}  // namespace mock
