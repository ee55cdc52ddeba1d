// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace nai::transfer {

// A file that is in progress.
struct FileProgress {
  std::string path;
  std::uint64_t size = 0;
  std::atomic<std::uint64_t> bytes_present{0};
};

// The files in progress, in the order in which they began. Thread-safe; never blocks for long.
class FilesInProgress {
 public:
  // The file stays in the list for as long as the caller keeps what is returned.
  [[nodiscard]] std::shared_ptr<FileProgress> add(std::string path, std::uint64_t size) {
    auto file = std::make_shared<FileProgress>();
    file->path = std::move(path);
    file->size = size;
    const std::scoped_lock lock(m_mutex);
    std::erase_if(m_files, [](const auto& known) { return known.expired(); });
    m_files.push_back(file);
    return file;
  }
  [[nodiscard]] std::vector<std::shared_ptr<const FileProgress>> all() const {
    std::vector<std::shared_ptr<const FileProgress>> files;
    const std::scoped_lock lock(m_mutex);
    for (const auto& known : m_files) {
      if (auto file = known.lock()) {
        files.push_back(std::move(file));
      }
    }
    return files;
  }

 private:
  mutable std::mutex m_mutex;
  std::vector<std::weak_ptr<FileProgress>> m_files;
};

// A text that one thread sets and another reads.
class SharedText {
 public:
  void set(std::string text) {
    const std::scoped_lock lock(m_mutex);
    m_text = std::move(text);
  }
  [[nodiscard]] std::string get() const {
    const std::scoped_lock lock(m_mutex);
    return m_text;
  }

 private:
  mutable std::mutex m_mutex;
  std::string m_text;
};

// What a running download has done so far. Written by the transfer, read by whoever reports; every
// member may be read at any time from any thread. Bytes are bytes of content.
struct Progress {
  std::atomic<std::uint64_t> files_total{0};
  std::atomic<std::uint64_t> files_done{0};      // verified and published, by this run or before
  std::atomic<std::uint64_t> files_unproven{0};  // in place at the start, to be read and checked
  std::atomic<std::uint64_t> bytes_total{0};     // of all files of the revision
  std::atomic<std::uint64_t> bytes_present{0};   // on the volume: published, resumed or received
  std::atomic<std::uint64_t> bytes_reused{
      0};  // of those, found on the volume at the start (published or partial)
  std::atomic<std::uint64_t> bytes_received{
      0};  // from the network in this run, including what was received twice
  std::atomic<std::uint64_t> bytes_hashed{0};     // checked in this run
  std::atomic<std::uint64_t> bytes_read_back{0};  // of those, read from the volume
  std::atomic<std::uint64_t> connections{0};      // requests in flight
  std::atomic<std::uint64_t> retries{0};
  std::atomic<std::uint64_t> rate_limited{0};  // of those, because the server asked for fewer
  std::atomic<std::uint64_t> refused{0};       // of those, because it answered with an error
  SharedText last_problem;                     // why the last of them was made
  FilesInProgress files;
};

}  // namespace nai::transfer
