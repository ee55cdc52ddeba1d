// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nai/digest/digest.hpp>

namespace nai::source {

// One file to have on the volume.
struct Artifact {
  std::string path;  // relative, '/'-separated, checked by validate_paths()
  std::uint64_t size = 0;
  digest::Digest digest;
  std::string url = {};  // where it is asked for; without query and user info, for the record
};

// A symbolic link to have beside the artifacts.
struct Link {
  std::string path;    // as an artifact's
  std::string target;  // relative to the link's directory
};

// A text that readers take for the sign that all else is there: written last, without a line end.
struct Reference {
  std::string path;
  std::string text;
};

// What a source says a revision consists of, after the selection rule.
struct Manifest {
  std::string source;    // where from, for people and the record: "https://huggingface.co/org/name"
  std::string revision;  // the full commit (or manifest digest)
  std::vector<Artifact> artifacts;
  std::vector<std::string> skipped;  // paths in the revision that the selection left out
  std::vector<Link> links = {};
  std::vector<Reference> references = {};
  std::vector<std::string> directories = {};  // that are to be there, if only empty

  [[nodiscard]] std::uint64_t total_bytes() const;
};

// Refuses what must not become a path below model-files: empty, absolute, "." or ".." or empty
// segments, backslashes, drive letters, control characters, segments over 255 bytes, paths over
// 4096 bytes, duplicates, names that differ only in case, a file where another path needs a
// directory. Throws Error{content_mismatch} naming the path: a hostile or broken repository, which
// another attempt does not mend.
void validate_paths(const std::vector<Artifact>& artifacts);
// The same for paths of any kind.
void validate_names(const std::vector<std::string>& paths);

}  // namespace nai::source
