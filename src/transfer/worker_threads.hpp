// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

namespace nai::transfer {

// Adds threads, which `start` returns for their index, until there are `count`. False when there
// are fewer: a container may be allowed only so many, and those that there are do the work then.
// Throws std::system_error when there is none.
template <typename Start>
[[nodiscard]] bool start_workers(std::vector<std::jthread>& workers, std::size_t count,
                                 const Start& start) {
  try {
    while (workers.size() < count) {
      workers.push_back(start(workers.size()));
    }
    return true;
  } catch (const std::system_error&) {
    if (workers.empty()) {
      throw;
    }
    return false;
  }
}

}  // namespace nai::transfer
