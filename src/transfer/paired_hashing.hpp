// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "file_transfer.hpp"

namespace nai::transfer {

// Threads that bring together files whose next bytes wait in memory, to hash two of them at a time.
// A thread that has one waits a moment for another, then takes it alone. They run with less
// priority than the thread that started them.
class PairedHashing {
 public:
  struct File {
    std::size_t index = 0;  // in the manifest
    std::shared_ptr<FileTransfer> transfer;
  };
  // Hashes what is ready of one file, or of two. Must not throw.
  using Hash = std::function<void(const File& first, const std::optional<File>& second)>;

  PairedHashing(std::size_t threads, Hash hash);
  ~PairedHashing() { stop(); }
  PairedHashing(const PairedHashing&) = delete;
  PairedHashing& operator=(const PairedHashing&) = delete;

  // A file of which FileTransfer said that it is ready. Thread-safe, also after stop().
  void add(File file);
  // Whether a file waits for a thread, or for a second one.
  [[nodiscard]] bool any_ready() const;
  // Ends the threads when they are through with what they have; the rest stays as it is.
  void stop();

 private:
  void run(const std::stop_token& stop);
  [[nodiscard]] std::optional<File> take();

  Hash m_hash;
  mutable std::mutex m_mutex;
  std::condition_variable_any m_added;
  std::deque<File> m_ready;  // guarded by m_mutex
  std::vector<std::jthread> m_threads;
};

}  // namespace nai::transfer
