// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include <nai/source/manifest.hpp>
#include <nai/source/nim.hpp>

namespace nai::source {

// One file of a repository as it is to stand in a NIM's cache.
struct CachedFile {
  std::string repository;  // "nim/meta/llama-3_1-8b-instruct"
  std::string revision;    // what a NIM asks for: the version, branch or commit
  std::string snapshot;    // the directory of the snapshot: for NGC the version itself
  std::string path;
  std::string etag;  // names the blob; where it cannot, the digest does
  std::uint64_t size = 0;
  digest::Digest digest;
  std::string origin;    // for the report
  std::string url = {};  // for the record
};

// Puts files together to the tree that the hf-hub library reads:
//   <root>/models--<org>--<name>/{blobs/<etag>, refs/<revision>, snapshots/<snapshot>/<path>}
// where snapshots are relative links to blobs.
class CacheLayout {
 public:
  // Adds one file below `root` ("ngc/hub"). Returns the path of its artifact, which is another
  // file's if both have the same content. Throws Error{content_mismatch} when a name cannot be a
  // path.
  std::string add(const std::string& root, const CachedFile& file);
  void add_directory(std::string path) { m_manifest.directories.push_back(std::move(path)); }
  void add_reference(std::string path, std::string text);

  // The paths are checked here. Throws Error{content_mismatch}.
  void finish(Manifest& manifest, std::vector<StagedFile>& files) const;

 private:
  Manifest m_manifest{};
  std::vector<StagedFile> m_files;
  std::map<std::string, std::size_t> m_artifacts;  // by path
  std::map<std::string, std::string> m_links;      // path to blob
  std::map<std::string, std::string> m_references;
};

// Whether `name` can be a directory or file name made of letters, digits and "._+-".
[[nodiscard]] bool is_plain_name(std::string_view name);

}  // namespace nai::source
