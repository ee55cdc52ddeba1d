// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include <nai/util/error.hpp>

namespace nai::app {

// Ends a run whose lock was lost, and keeps the reason, which comes from another thread, until the
// run asks for it.
class LockLoss {
 public:
  explicit LockLoss(std::stop_source stop) : m_stop(std::move(stop)) {}

  // The first reason counts. Thread-safe.
  void note(const util::Error& why) {
    std::call_once(m_noted, [&] {
      m_why = why;
      m_lost = true;
      m_stop.request_stop();
    });
  }
  [[nodiscard]] bool happened() const { return m_lost; }
  // Why a run ends that stopped with `error`, which may well be a consequence.
  [[nodiscard]] util::Error cause_of(const util::Error& error) const {
    return m_lost ? *m_why : error;
  }
  // Throws the reason if it happened.
  void check() const {
    if (m_lost) {
      throw util::Error(*m_why);
    }
  }

 private:
  std::stop_source m_stop;
  std::once_flag m_noted;
  std::optional<util::Error> m_why;  // there once m_lost is set
  std::atomic<bool> m_lost{false};
};

}  // namespace nai::app
