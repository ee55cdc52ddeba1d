// SPDX-License-Identifier: Apache-2.0
#include "support/mock/journal.hpp"

#include <algorithm>

namespace mock {

const char* to_string(Host host) {
  switch (host) {
    case Host::hub:
      return "hub";
    case Host::cdn:
      return "cdn";
    case Host::second_cdn:
      return "second_cdn";
    case Host::control:
      return "control";
  }
  return "";
}

const char* to_string(RequestKind kind) {
  switch (kind) {
    case RequestKind::info:
      return "info";
    case RequestKind::commits:
      return "commits";
    case RequestKind::tree:
      return "tree";
    case RequestKind::raw:
      return "raw";
    case RequestKind::other_api:
      return "other_api";
    case RequestKind::resolve:
      return "resolve";
    case RequestKind::resolve_cache:
      return "resolve_cache";
    case RequestKind::content:
      return "content";
    case RequestKind::other:
      return "other";
  }
  return "";
}

void Journal::begin(RequestInfo& info) {
  const std::string key =
      std::string(to_string(info.kind)) + '\n' + info.repository + '\n' + info.file;
  {
    const std::lock_guard lock(m_mutex);
    info.number = m_next_number++;
    info.attempt = ++m_attempts[key];
    m_records.push_back({});
    static_cast<RequestInfo&>(m_records.back()) = info;
  }
  m_changed.notify_all();
}

void Journal::answer(const RequestInfo& info, int status) {
  const std::lock_guard lock(m_mutex);
  if (RequestRecord* record = find(info)) {
    record->status = status;
  }
}

void Journal::stall(const RequestInfo& info) {
  {
    const std::lock_guard lock(m_mutex);
    if (RequestRecord* record = find(info)) {
      record->stalled = true;
    }
  }
  m_changed.notify_all();
}

void Journal::finish(const RequestInfo& info, std::uint64_t body_bytes, bool complete) {
  {
    const std::lock_guard lock(m_mutex);
    if (RequestRecord* record = find(info)) {
      record->finished = true;
      record->body_bytes = body_bytes;
      record->complete = complete;
      record->answered = std::chrono::steady_clock::now();
    }
  }
  m_changed.notify_all();
}

RequestRecord* Journal::find(const RequestInfo& info) {
  return info.number < m_first_number ? nullptr : &m_records.at(info.number - m_first_number);
}

void Journal::add_violation(std::string text) {
  const std::lock_guard lock(m_mutex);
  m_violations.push_back(std::move(text));
}

void Journal::add_content_bytes(std::uint64_t count) {
  m_content_bytes += count;
  if (m_byte_waiters > 0) {
    const std::lock_guard lock(m_mutex);
    m_changed.notify_all();
  }
}

std::vector<RequestRecord> Journal::requests() const {
  const std::lock_guard lock(m_mutex);
  return m_records;
}

std::vector<std::string> Journal::violations() const {
  const std::lock_guard lock(m_mutex);
  return m_violations;
}

void Journal::clear() {
  const std::lock_guard lock(m_mutex);
  m_records.clear();
  m_first_number = m_next_number;
  m_attempts.clear();
  m_violations.clear();
  m_content_bytes = 0;
}

bool Journal::wait_for_request(const Predicate& predicate,
                               std::chrono::milliseconds timeout) const {
  std::unique_lock lock(m_mutex);
  return m_changed.wait_for(
      lock, timeout, [&] { return std::any_of(m_records.begin(), m_records.end(), predicate); });
}

bool Journal::wait_for_content_bytes(std::uint64_t count, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(m_mutex);
  ++m_byte_waiters;
  const bool reached = m_changed.wait_for(lock, timeout, [&] { return m_content_bytes >= count; });
  --m_byte_waiters;
  return reached;
}

}  // namespace mock
