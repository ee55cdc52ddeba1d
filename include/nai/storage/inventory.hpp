// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nai/storage/layout.hpp>
#include <nai/storage/record.hpp>
#include <nai/util/file.hpp>
#include <nai/util/log.hpp>

namespace nai::storage {

// What a file should be, as the manifest says.
struct FileIdentity {
  std::string path;
  std::uint64_t size = 0;
  digest::Digest digest;
};

enum class FileState {
  published,  // known to be verified, and unchanged since
  candidate,  // a regular file of the right size that nobody vouches for: reading it will tell
  absent,     // nothing there, or nothing that could be it
};

// The files below model-files that this program verified, from the completion record, a superseded
// record, and the log of an unfinished run. Thread-safe.
class Inventory {
 public:
  // `before_removal` is called before each file that is removed, and may throw.
  Inventory(const Layout& layout, util::Log& log, std::function<void()> before_removal = {});

  [[nodiscard]] FileState state_of(const FileIdentity& file) const;
  // Notes a file that is now verified, in place and durable. Appends to the published log.
  void add(const FileIdentity& file);
  // Removes files of ours that stand where `path` needs a directory, or below `path` where it needs
  // a file.
  void clear_way(std::string_view path);
  // Files that are ours by an earlier record and not among `wanted`: unchanged ones are removed,
  // with directories that become empty; changed ones stay and are logged. Returns the number
  // removed.
  std::size_t remove_all_but(const std::vector<std::string>& wanted);
  // The entry for each path; throws Error{internal} when one is not known.
  [[nodiscard]] std::vector<RecordedFile> entries(const std::vector<std::string>& paths) const;

 private:
  void load_published_logs();
  void load_published_log(const std::filesystem::path& path);
  void append_to_published_log(const std::string& line);
  [[nodiscard]] std::optional<RecordedFile> describe(const FileIdentity& file) const;
  bool remove_if_unchanged(const RecordedFile& file) const;

  const Layout& m_layout;
  util::Log& m_log;
  std::function<void()> m_before_removal;
  mutable std::mutex m_mutex;
  std::map<std::string, RecordedFile, std::less<>> m_files;
  util::Fd m_published_log;
  bool m_published_log_failed = false;
  std::uint64_t m_published_log_size = 0;
};

}  // namespace nai::storage
