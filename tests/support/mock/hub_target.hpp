// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/journal.hpp"
#include "support/mock/message.hpp"

#include <string>

namespace mock {

// What a request to the Hub is about; all parts decoded.
struct HubTarget {
  RequestKind kind = RequestKind::other;
  std::string
      verb;  // the word of an API below a repository: "revision", "tree", ...; or "whoami-v2"
  std::string repository;  // "org/name" or "name"
  std::string revision;    // empty: none was given
  std::string path;        // in the repository
};

HubTarget parse_hub_target(const Request& request);

}  // namespace mock
