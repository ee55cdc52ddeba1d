// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/fault.hpp"
#include "support/mock/journal.hpp"
#include "support/mock/message.hpp"

namespace mock {

// What answers the requests of one host. All members are called from many threads at once.
class Site {
 public:
  virtual ~Site() = default;

  // Fills in what the target tells: kind, repository, file.
  virtual void classify(const Request& request, RequestInfo& info) const = 0;

  // Makes the answer as it would be if nothing went wrong; of the fault only `content` matters
  // here.
  virtual Response answer(const Request& request, const Fault& fault) = 0;
};

}  // namespace mock
