// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/journal.hpp"
#include "support/mock/site.hpp"

namespace mock {

// Tells what the other hosts saw, as JSON: GET /__mock/stats and /__mock/requests.
class Control : public Site {
 public:
  explicit Control(const Journal& journal) : m_journal(journal) {}

  void classify(const Request& request, RequestInfo& info) const override;
  Response answer(const Request& request, const Fault& fault) override;

 private:
  std::string stats() const;
  std::string requests() const;

  const Journal& m_journal;
};

}  // namespace mock
