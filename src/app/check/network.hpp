// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/check/finding.hpp"
#include "app/check/watched_client.hpp"

namespace nai::app {

// A proxy that the environment names.
struct NamedProxy {
  std::string variable;
  std::string host;     // empty when the value cannot be read
  std::string address;  // "proxy.example:3128", without a password
};

// Those that curl would use, from the environment of the process.
[[nodiscard]] std::vector<NamedProxy> named_proxies();
[[nodiscard]] std::vector<Finding> judge_proxies(const std::vector<NamedProxy>& proxies);

// Whether the host answers, who vouches for its certificate, and what to do when it does not.
[[nodiscard]] Finding judge_contact(const Contact& contact);
// Whether this machine's clock is that of the server; empty when the server does not tell.
[[nodiscard]] std::optional<Finding> judge_clock(const Contact& contact);

}  // namespace nai::app
