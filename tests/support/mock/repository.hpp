// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/content.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mock {

struct File {
  std::string path;  // served as it is, hostile ones too
  Content content;
  bool lfs = false;
  // What a lying Hub lists instead of the truth. For LFS files the id is the SHA-256.
  std::optional<std::uint64_t> listed_size = std::nullopt;
  std::optional<std::string> listed_id = std::nullopt;

  std::uint64_t shown_size() const { return listed_size.value_or(content.size()); }
  // SHA-256 for an LFS file, git blob SHA-1 for a regular one.
  std::string shown_id() const;
  // The git blob id: of the pointer for an LFS file.
  std::string git_oid() const;
  std::string lfs_pointer() const;
};

File regular_file(std::string path, std::string bytes);
File lfs_file(std::string path, Content content);

// One state of the files.
struct Commit {
  std::string id;  // 40 hex digits
  std::vector<File> files;
  std::string title = "Upload folder using huggingface_hub";

  const File* find(std::string_view path) const;
};

struct Repository {
  std::string id;                             // "org/name" or "name"
  std::vector<Commit> commits{};              // newest first
  std::map<std::string, std::string> refs{};  // "main", tags, "refs/pr/1", to a commit id
  std::set<std::string> allowed_users{};      // may see a private, and read a gated repository
  bool gated = false;
  bool is_private = false;
  bool disabled = false;
  // Whether a gated repository refuses /commits too, as the Hub was seen to do.
  bool gates_commits = true;
  std::string renamed_to{};  // all requests are sent to this id with 307

  // Adds a newest commit and lets `ref` point to it. Without an id, one is derived from the files.
  // Returns the id.
  std::string add_commit(std::vector<File> files, const std::string& ref = "main",
                         std::string commit_id = "");

  // "HEAD", a branch, a tag, "refs/pr/1", a full commit id or at least 7 digits of one.
  const Commit* resolve(const std::string& revision) const;

  bool admits(const std::string& user) const {
    return !user.empty() && allowed_users.contains(user);
  }
};

// A repository of one commit on main.
Repository make_repository(std::string id, std::vector<File> files);

// What the Hub's usual .gitattributes keep in LFS, and every file above 10 MB.
bool is_lfs_by_rule(const std::string& path, std::uint64_t size);

// Computes the listed digests of all files, in parallel.
void compute_digests(const Repository& repository);

}  // namespace mock
