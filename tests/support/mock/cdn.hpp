// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/conditions.hpp"
#include "support/mock/signer.hpp"
#include "support/mock/site.hpp"
#include "support/mock/store.hpp"

namespace mock {

// A content host: knows nothing but signed locations, and no users.
class Cdn : public Site {
 public:
  // Where files above this need a Range.
  static constexpr std::uint64_t k_largest_without_range = 50'000'000'000;

  Cdn(const Store& store, const Signer& signer, const Conditions& conditions, Journal& journal);

  void classify(const Request& request, RequestInfo& info) const override;
  Response answer(const Request& request, const Fault& fault) override;

 private:
  std::optional<StoredFile> stored_file(const Request& request) const;

  const Store& m_store;
  const Signer& m_signer;
  const Conditions& m_conditions;
  Journal& m_journal;
};

}  // namespace mock
