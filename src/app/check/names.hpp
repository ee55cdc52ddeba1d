// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <future>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/check/finding.hpp"

namespace nai::app {

// What /etc/resolv.conf says.
struct ResolverSettings {
  std::vector<std::string> servers;
  std::vector<std::string> domains;  // that are searched, in order
};

[[nodiscard]] ResolverSettings parse_resolver_settings(std::string_view text);

// What the resolver says of one name.
struct Lookup {
  enum class State { found, unknown, no_answer } state = State::no_answer;
  std::string problem = {};  // the resolver's words
  std::vector<std::string> addresses = {};
  std::string full_name = {};  // that it was found under
  bool exists_alone = false;   // also without any search domain
};

// The finding about a name.
[[nodiscard]] Finding judge_name(const std::string& host, const Lookup& lookup,
                                 const ResolverSettings& settings);

// Looks names up at the same time, as connections do: through the C library.
class Names {
 public:
  // No lookup may take longer than `limit`.
  explicit Names(std::chrono::milliseconds limit);

  // Begins to look a name up, unless it was begun before or is an address.
  void begin(const std::string& host);
  // Whether it is a name that was not found. Blocks within the limit.
  [[nodiscard]] bool fails(const std::string& host);
  // Blocks within the limit.
  [[nodiscard]] Finding finding(const std::string& host);
  // The names begun, in order.
  [[nodiscard]] const std::vector<std::string>& all() const { return m_hosts; }

 private:
  const Lookup& result(const std::string& host);

  std::chrono::milliseconds m_limit;
  ResolverSettings m_settings;
  std::vector<std::string> m_hosts;
  std::map<std::string, std::future<Lookup>> m_pending;
  std::map<std::string, Lookup> m_results;
};

}  // namespace nai::app
