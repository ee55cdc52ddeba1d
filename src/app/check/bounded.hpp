// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <future>
#include <thread>
#include <type_traits>
#include <utility>

namespace nai::app {

// Starts `work` on a thread of its own that nobody waits for at the end: name servers and volumes
// can hold a call for ever. So `work` must own all that it uses.
template <typename Work>
[[nodiscard]] std::future<std::invoke_result_t<Work>> start_unattended(Work work) {
  std::packaged_task<std::invoke_result_t<Work>()> task(std::move(work));
  auto result = task.get_future();
  std::thread(std::move(task)).detach();
  return result;
}

// True once the result is there.
template <typename Result>
[[nodiscard]] bool arrives_within(const std::future<Result>& result,
                                  std::chrono::milliseconds limit) {
  return result.wait_for(limit) == std::future_status::ready;
}

}  // namespace nai::app
