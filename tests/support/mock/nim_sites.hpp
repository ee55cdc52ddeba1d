// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/conditions.hpp"
#include "support/mock/journal.hpp"
#include "support/mock/nim_catalog.hpp"
#include "support/mock/nim_service.hpp"
#include "support/mock/site.hpp"

#include <map>
#include <mutex>
#include <string>

namespace mock {

// The signed addresses of both kinds of content.
class NimLocations {
 public:
  NimLocations(const NimServiceOptions& options, NimCatalog& catalog, const Conditions& conditions)
      : m_options(options), m_catalog(catalog), m_conditions(conditions) {}

  void set_host(std::string host) { m_host = std::move(host); }
  const std::string& host() const { return m_host; }
  std::string sign(const std::string& path, const Content& content, const std::string& etag);
  const Signer& signer() const { return m_signer; }

 private:
  const NimServiceOptions& m_options;
  NimCatalog& m_catalog;
  const Conditions& m_conditions;
  Signer m_signer;
  std::string m_host;
};

// The registry, its token server and NGC's API: one host.
class NimFrontSite final : public Site {
 public:
  NimFrontSite(const NimServiceOptions& options, NimCatalog& catalog, NimLocations& locations,
               Journal& journal);

  void set_host(std::string host) { m_host = std::move(host); }
  void classify(const Request& request, RequestInfo& info) const override;
  Response answer(const Request& request, const Fault& fault) override;

 private:
  Response registry(const Request& request);
  Response challenge(const std::string& repository) const;
  Response token(const Request& request);
  bool admits(const Request& request, const std::string& repository);
  Response blob(const Request& request, const std::string& digest);

  Response caller_info(const Request& request);
  Response api(const Request& request);
  Response image_facts(const std::vector<std::string>& parts);
  Response model_files(const Request& request, const std::vector<std::string>& parts);
  Response list_files(const Request& request, const NgcModel& model, bool presigned);
  Response one_file(const NgcModel& model, const std::string& path);
  bool is_right_bearer(const Request& request);
  bool key_is_bearer() const { return m_options.key.starts_with("nvapi-"); }
  Response api_token(const Request& request);

  const NimServiceOptions& m_options;
  NimCatalog& m_catalog;
  NimLocations& m_locations;
  Journal& m_journal;
  std::string m_host;
  std::mutex m_mutex;
  struct Token {
    std::string repository;
    unsigned uses = 0;
  };
  std::map<std::string, Token> m_tokens;
  std::map<std::string, unsigned> m_api_tokens;  // to their uses
};

// layers.nvcr.io and xfiles.ngc.nvidia.com in one: signed addresses and nothing else.
class NimContentSite final : public Site {
 public:
  NimContentSite(NimCatalog& catalog, NimLocations& locations, const Conditions& conditions,
                 Journal& journal);

  void classify(const Request& request, RequestInfo& info) const override;
  Response answer(const Request& request, const Fault& fault) override;

 private:
  NimCatalog& m_catalog;
  NimLocations& m_locations;
  const Conditions& m_conditions;
  Journal& m_journal;
};

}  // namespace mock
