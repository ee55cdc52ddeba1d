// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/certificates.hpp"
#include "support/mock/conditions.hpp"
#include "support/mock/journal.hpp"
#include "support/mock/nim_content.hpp"
#include "support/mock/server.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace mock {

// The forms in which nvcr.io and other registries were seen to ask for a token.
enum class ChallengeStyle {
  nvidia,          // realm and scope "pull,push", no service
  query_in_realm,  // the scope inside the realm's query
  no_scope,        // realm only
  with_service,    // as other registries: realm, service, scope
  basic,           // no tokens at all
};

struct NimServiceOptions {
  bool tls = true;
  std::uint16_t port = 0;      // of the registry and the API on 127.0.0.1; 0: any free one
  std::uint16_t cdn_port = 0;  // of the content on 127.0.0.2
  std::string user = "$oauthtoken";
  std::string key = "nvapi-right";  // that is let in; others are unknown
  ChallengeStyle challenge = ChallengeStyle::nvidia;
  // Requests that a registry token is good for; 0: no limit.
  unsigned token_uses = 0;
  // The same for a token that the API gave for a key of the older kind.
  unsigned api_token_uses = 0;
  bool redirects_blobs = true;  // to the content host, as nvcr.io
  // What NGC says to keys of organisations with access rules instead of a list.
  bool org_context_missing = false;
  bool lists_presigned_only = false;  // no /versions/{version}/files
  std::size_t page_size = 500;
  bool lists_count_pages = true;  // else only the files of all pages together
  std::chrono::seconds location_lifetime{3600};
  Shaping shaping{};
  int cdn_send_buffer_bytes = 0;
};

// nvcr.io with its token server, NGC's API and their content hosts, on two loopback addresses. All
// members may be called from any thread.
class NimService {
 public:
  explicit NimService(NimServiceOptions options = {});
  ~NimService();
  NimService(const NimService&) = delete;
  NimService& operator=(const NimService&) = delete;

  // Adds an image, or replaces that of the same tag. Returns the digest of linux/amd64.
  std::string add(const NimImage& image);
  void add(NgcModel model);

  std::string host() const;     // of the registry: "127.0.0.1:4711"
  std::string api_url() const;  // https://127.0.0.1:4711
  std::string cdn_host() const;
  void write_ca(const std::filesystem::path& file) const;

  std::vector<RequestRecord> requests() const { return m_journal.requests(); }
  // Requests whose target contains the text.
  std::size_t request_count(std::string_view part) const;
  std::uint64_t content_bytes_served() const { return m_journal.content_bytes(); }
  // Credentials sent where they do not belong, wrong scopes, malformed requests.
  std::vector<std::string> violations() const { return m_journal.violations(); }
  bool wait_for_content_bytes(std::uint64_t count, std::chrono::milliseconds timeout) const {
    return m_journal.wait_for_content_bytes(count, timeout);
  }
  void clear_log() { m_journal.clear(); }
  void set_fault_hook(FaultHook hook) { m_conditions.set_fault_hook(std::move(hook)); }
  void set_clock_offset(std::chrono::seconds offset) { m_conditions.set_clock_offset(offset); }
  void content_down();
  void content_up();

 private:
  struct Parts;

  CertificateAuthority m_authority;
  Journal m_journal;
  Conditions m_conditions;
  std::unique_ptr<Parts> m_parts;
};

}  // namespace mock
