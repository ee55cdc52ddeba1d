// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace nai::torture {

// Calls a function, on a thread of its own, unless it is destroyed before the time is over.
class Deadline {
 public:
  Deadline(std::chrono::milliseconds time, std::function<void()> late)
      : m_thread([time, late = std::move(late)](const std::stop_token& stop) {
          std::mutex mutex;
          std::condition_variable_any never;
          std::unique_lock lock(mutex);
          never.wait_for(lock, stop, time, [] { return false; });
          if (!stop.stop_requested()) {
            late();
          }
        }) {}

 private:
  std::jthread m_thread;
};

}  // namespace nai::torture
