// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/fault.hpp"
#include "support/mock/pacer.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

namespace mock {

// What a test may change while the servers run. All members may be called from any thread.
class Conditions {
 public:
  void set_fault_hook(FaultHook hook);
  // What goes wrong with this request.
  Fault fault_for(const RequestInfo& info) const;

  void set_shaping(const Shaping& shaping);
  Shaping shaping() const;

  // The servers' clock: the machine's plus an offset.
  void set_clock_offset(std::chrono::seconds offset) { m_clock_offset = offset.count(); }
  std::int64_t unix_now() const;

  Pacer& total_pacer() { return m_total_pacer; }

  // Counts itself among the answers that carry content, as long as it lives.
  class ContentAnswer {
   public:
    explicit ContentAnswer(Conditions& conditions) : m_conditions(conditions) {
      ++m_conditions.m_content_answers;
    }
    ~ContentAnswer() { --m_conditions.m_content_answers; }
    ContentAnswer(const ContentAnswer&) = delete;
    ContentAnswer& operator=(const ContentAnswer&) = delete;

   private:
    Conditions& m_conditions;
  };

  // What one connection may send now; 0 is unlimited.
  std::uint64_t connection_rate() const;

 private:
  mutable std::mutex m_mutex;
  std::shared_ptr<const FaultHook> m_fault_hook;
  Shaping m_shaping;
  std::atomic<std::int64_t> m_clock_offset = 0;
  std::atomic<unsigned> m_content_answers = 0;
  Pacer m_total_pacer;
};

}  // namespace mock
