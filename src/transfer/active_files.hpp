// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "file_transfer.hpp"

namespace nai::transfer {

// The files that are open now, by their index in the manifest. Owned jointly with whoever is busy
// with one. Thread-safe.
class ActiveFiles {
 public:
  // The file at `index`, made by `make` (a callable that returns a shared_ptr) when it is not
  // active yet.
  template <typename Make>
  std::shared_ptr<FileTransfer> get(std::size_t index, const Make& make) {
    const std::scoped_lock lock(m_mutex);
    auto& file = m_files[index];
    if (!file) {
      file = make();
    }
    return file;
  }

  void remove(std::size_t index) {
    const std::scoped_lock lock(m_mutex);
    m_files.erase(index);
  }

  [[nodiscard]] std::vector<std::shared_ptr<FileTransfer>> all() const {
    const std::scoped_lock lock(m_mutex);
    std::vector<std::shared_ptr<FileTransfer>> result;
    for (const auto& [index, file] : m_files) {
      result.push_back(file);
    }
    return result;
  }

 private:
  mutable std::mutex m_mutex;
  std::map<std::size_t, std::shared_ptr<FileTransfer>> m_files;
};

}  // namespace nai::transfer
