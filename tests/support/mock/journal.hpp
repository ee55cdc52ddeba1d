// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace mock {

enum class Host {
  hub,
  cdn,
  second_cdn,
  control,
};

enum class RequestKind {
  info,           // /api/models/{repo} and .../revision/{rev}
  commits,        // /api/models/{repo}/commits/{rev}
  tree,           // /api/models/{repo}/tree/{rev}, each page
  raw,            // /{repo}/raw/{rev}/{path}: what git holds, for LFS files the pointer
  other_api,      // everything else below /api
  resolve,        // /{repo}/resolve/{rev}/{path}
  resolve_cache,  // /api/resolve-cache/..., the second hop of regular files
  content,        // a signed location on a CDN host
  other,
};

const char* to_string(Host host);
const char* to_string(RequestKind kind);

// What is known of a request when it arrives; a fault hook decides on it.
struct RequestInfo {
  std::uint64_t number = 0;      // counts from 1, over all hosts
  std::uint64_t connection = 0;  // counts from 1, over all hosts
  Host host = Host::hub;
  RequestKind kind = RequestKind::other;
  std::string method;
  std::string target;  // as sent, with its query
  std::string host_header;
  std::string repository;  // empty when the request names none
  std::string file;        // path in the repository; empty when the request names none
  std::optional<std::string> range;
  bool had_authorization = false;
  // This is the n-th request, from 1, of this kind for this repository and file.
  std::uint64_t attempt = 0;
  std::chrono::steady_clock::time_point received;
};

struct RequestRecord : RequestInfo {
  bool finished = false;
  int status = 0;  // 0: not answered
  // Handed to the kernel so far; not updated while a body is on its way.
  std::uint64_t body_bytes = 0;
  bool complete = false;  // the whole answer went out
  bool stalled = false;   // nothing more comes, as a fault wanted
  std::chrono::steady_clock::time_point answered;
};

// The log of one registry. All members may be called from any thread.
class Journal {
 public:
  using Predicate = std::function<bool(const RequestRecord&)>;

  std::uint64_t next_connection() { return ++m_connections; }

  // Numbers the request and counts its attempt.
  void begin(RequestInfo& info);
  // Notes the status before the first byte of the answer leaves, so that who got the answer can
  // read it.
  void answer(const RequestInfo& info, int status);
  void stall(const RequestInfo& info);
  void finish(const RequestInfo& info, std::uint64_t body_bytes, bool complete);

  void add_violation(std::string text);
  void add_content_bytes(std::uint64_t count);

  std::vector<RequestRecord> requests() const;
  std::vector<std::string> violations() const;
  std::uint64_t content_bytes() const { return m_content_bytes; }
  std::uint64_t connections() const { return m_connections; }
  // Forgets the requests, violations and byte counts, not the numbering.
  void clear();

  // Waits until a request, past ones included, satisfies the predicate; called when a request
  // arrives and again when it is finished. False after the timeout. The predicate runs under the
  // lock.
  bool wait_for_request(const Predicate& predicate, std::chrono::milliseconds timeout) const;
  bool wait_for_content_bytes(std::uint64_t count, std::chrono::milliseconds timeout) const;

 private:
  RequestRecord* find(const RequestInfo& info);  // m_mutex is held

  mutable std::mutex m_mutex;
  mutable std::condition_variable m_changed;
  mutable std::atomic<int> m_byte_waiters = 0;
  std::vector<RequestRecord> m_records;
  std::uint64_t m_first_number = 1;  // of m_records
  std::uint64_t m_next_number = 1;
  std::map<std::string, std::uint64_t> m_attempts;
  std::vector<std::string> m_violations;
  std::atomic<std::uint64_t> m_content_bytes = 0;
  std::atomic<std::uint64_t> m_connections = 0;
};

}  // namespace mock
