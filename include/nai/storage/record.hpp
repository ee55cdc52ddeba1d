// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nai/digest/digest.hpp>
#include <nai/storage/arrangement.hpp>
#include <nai/util/log.hpp>

namespace nai::storage {

// A file that was verified and published, and how its inode looked then: a file whose size and
// modification time are still the same needs no second reading.
struct RecordedFile {
  std::string path;
  std::uint64_t size = 0;
  digest::Digest digest;
  std::int64_t modified_ns = 0;  // st_mtim, the server's clock
  std::string url = {};          // where it came from, without a query; of the record only
  std::string states = {};       // its digest trail, relative to the mount; empty: it has none
};

// What looks wrong about a file although it is what its author published.
struct RecordedFinding {
  std::string path;
  std::string problem;  // for people
};

// The completion record: the volume holds exactly this, complete and verified. Its format is in
// docs/reference.md.
struct Record {
  std::string source = {};      // "https://huggingface.co/org/name"
  std::string revision = {};    // full commit
  std::string selection = {};   // the patterns in force; "" for the built-in rule
  std::string model_name = {};  // MODEL_NAME of the run that completed it
  std::string program = {};     // name and version that wrote it
  std::string started_at = {};  // when the run that completed it began; ISO 8601, UTC
  std::string completed_at = {};
  std::vector<RecordedFile> files = {};
  Arrangement arrangement = {};  // what stands around the files
  std::vector<RecordedFinding> findings = {};
};

// Empty when there is none, or when it cannot be used; the log says why in one line then.
[[nodiscard]] std::optional<Record> load_record(const std::filesystem::path& path, util::Log& log);

// Durable and atomic. Throws Error{storage or no_space}.
void save_record(const std::filesystem::path& path, const Record& record);

}  // namespace nai::storage
