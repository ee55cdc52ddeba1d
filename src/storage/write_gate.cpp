// SPDX-License-Identifier: Apache-2.0
#include "write_gate.hpp"

namespace nai::storage {

std::size_t WriteGate::enter() {
  std::unique_lock lock(m_mutex);
  m_changed.wait(lock, [this] { return !m_closed; });
  ++m_inside.at(m_epoch);
  return m_epoch;
}

void WriteGate::leave(std::size_t epoch) {
  const std::scoped_lock lock(m_mutex);
  if (--m_inside.at(epoch) == 0) {
    m_changed.notify_all();
  }
}

void WriteGate::wait_for_writers() {
  std::unique_lock lock(m_mutex);
  // Nobody of the epoch that begins is inside: the last call waited for them.
  const std::size_t over = m_epoch;
  m_epoch = 1 - over;
  m_changed.wait(lock, [&] { return m_inside.at(over) == 0; });
}

void WriteGate::close() {
  std::unique_lock lock(m_mutex);
  m_closed = true;
  m_changed.wait(lock, [this] { return m_inside[0] + m_inside[1] == 0; });
}

void WriteGate::open() {
  const std::scoped_lock lock(m_mutex);
  m_closed = false;
  m_changed.notify_all();
}

}  // namespace nai::storage
