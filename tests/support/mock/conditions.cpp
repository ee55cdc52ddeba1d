// SPDX-License-Identifier: Apache-2.0
#include "support/mock/conditions.hpp"

namespace mock {

void Conditions::set_fault_hook(FaultHook hook) {
  auto shared = hook ? std::make_shared<const FaultHook>(std::move(hook)) : nullptr;
  const std::lock_guard lock(m_mutex);
  m_fault_hook.swap(shared);
}

Fault Conditions::fault_for(const RequestInfo& info) const {
  std::shared_ptr<const FaultHook> hook;
  {
    const std::lock_guard lock(m_mutex);
    hook = m_fault_hook;
  }
  return hook ? (*hook)(info) : Fault{};
}

void Conditions::set_shaping(const Shaping& shaping) {
  const std::lock_guard lock(m_mutex);
  m_shaping = shaping;
}

Shaping Conditions::shaping() const {
  const std::lock_guard lock(m_mutex);
  return m_shaping;
}

std::int64_t Conditions::unix_now() const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count() + m_clock_offset;
}

std::uint64_t Conditions::connection_rate() const {
  const std::lock_guard lock(m_mutex);
  const bool collapsed =
      m_shaping.collapse_above > 0 && m_content_answers > m_shaping.collapse_above;
  return collapsed ? m_shaping.collapsed_bytes_per_second : m_shaping.connection_bytes_per_second;
}

}  // namespace mock
