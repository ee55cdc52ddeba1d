// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace nai::storage {

// Tells when writes that were under way at some moment are over, without holding up those that
// begin later: every writer belongs to the epoch it came in, and only the one that a call ends is
// waited for. enter() and the destructors are thread-safe; wait_for_writers() and close() exclude
// each other and themselves.
class WriteGate {
 public:
  // A writer is inside for as long as it has one.
  class Pass {
   public:
    explicit Pass(WriteGate& gate) : m_gate(gate), m_epoch(gate.enter()) {}
    ~Pass() { m_gate.leave(m_epoch); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    WriteGate& m_gate;
    std::size_t m_epoch;
  };
  // Nobody is inside, and nobody comes in, for as long as it exists. Its making blocks until then.
  class Closure {
   public:
    explicit Closure(WriteGate& gate) : m_gate(gate) { gate.close(); }
    ~Closure() { m_gate.open(); }
    Closure(const Closure&) = delete;
    Closure& operator=(const Closure&) = delete;

   private:
    WriteGate& m_gate;
  };

  // Blocks until every writer that is inside now has left.
  void wait_for_writers();

 private:
  [[nodiscard]] std::size_t enter();
  void leave(std::size_t epoch);
  void close();
  void open();

  std::mutex m_mutex;
  std::condition_variable m_changed;
  bool m_closed = false;
  std::size_t m_epoch = 0;
  std::array<std::size_t, 2> m_inside{};  // by epoch
};

}  // namespace nai::storage
