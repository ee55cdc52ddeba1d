// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/conditions.hpp"
#include "support/mock/hub_answers.hpp"
#include "support/mock/hub_target.hpp"
#include "support/mock/rate_limiter.hpp"
#include "support/mock/signer.hpp"
#include "support/mock/site.hpp"
#include "support/mock/store.hpp"

#include <atomic>
#include <map>
#include <string>
#include <vector>

namespace mock {

// What a mirror of the Hub lacks.
struct Mirror {
  bool has_commits = true;      // else 404
  bool has_tree = true;         // else 404
  bool has_repo_commit = true;  // X-Repo-Commit on /resolve
  bool redirects = true;        // else it sends all content itself
};

struct HubOptions {
  bool tls = false;
  std::map<std::string, std::string> tokens;  // user to token
  // Named in the text of gated repositories.
  std::string public_url = "https://huggingface.co";
  // host:port of the CDN hosts; locations alternate between them.
  std::vector<std::string> cdn_hosts;
  // "https://host:port/path" of another server that has the LFS files under their paths; empty: the
  // mock's own CDN. Its locations are signed for show only.
  std::string content_origin;
  LocationStyle location_style = LocationStyle::s3;
  std::chrono::seconds location_lifetime{3600};
  // Regular files come without the hop to /api/resolve-cache.
  bool regular_files_direct = false;
  // Tree and /resolve offer Xet, as the Hub does; there is no Xet server behind it.
  bool advertises_xet = true;
  Mirror mirror;
  Quotas quotas;
};

class Hub : public Site {
 public:
  Hub(HubOptions options, Store& store, const Signer& signer, const Conditions& conditions);

  void classify(const Request& request, RequestInfo& info) const override;
  Response answer(const Request& request, const Fault& fault) override;

 private:
  // What a call below a repository works on.
  struct Scene {
    const Request& request;
    const HubTarget& target;
    const Caller& caller;
    const Repository& repository;
    const Commit& commit;
    const Fault& fault;
    bool has_access;
  };

  Response dispatch(const Request& request, const Fault& fault);
  Response in_repository(const Scene& scene);
  Caller identify(const Request& request) const;
  Response who_am_i(const Caller& caller) const;

  Response info(const Scene& scene) const;
  Response commits(const Scene& scene) const;
  Response refs(const Scene& scene) const;
  Response tree(const Scene& scene) const;
  Response paths_info(const Scene& scene) const;
  Response resolve(const Scene& scene);
  Response resolve_cache(const Scene& scene) const;
  Response raw(const Scene& scene) const;
  Response redirect_to_cdn(const Scene& scene, const File& file);
  Response send_file(const Scene& scene, const File& file) const;

  std::string base_url(const Request& request) const;

  const HubOptions m_options;
  Store& m_store;
  const Signer& m_signer;
  const Conditions& m_conditions;
  RateLimiter m_limiter;
  std::atomic<std::size_t> m_locations = 0;
};

}  // namespace mock
