// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/certificates.hpp"
#include "support/mock/fault.hpp"
#include "support/mock/hub.hpp"
#include "support/mock/journal.hpp"
#include "support/mock/pacer.hpp"
#include "support/mock/repository.hpp"
#include "support/mock/server.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mock {

struct Options {
  bool tls = false;
  std::string hub_address = "127.0.0.1";
  std::string cdn_address = "127.0.0.2";  // another host, so that cross-host rules matter
  bool second_cdn = false;                // on 127.0.0.3; locations alternate
  bool control_port = false;              // plain HTTP: /__mock/stats, /__mock/requests
  std::uint16_t hub_port = 0;             // 0: any free one
  std::uint16_t cdn_port = 0;
  std::uint16_t control_port_number = 0;
  // Host names for URLs, for tests of name resolution; empty: the addresses.
  std::string hub_name;
  std::string cdn_name;

  std::map<std::string, std::string> tokens{};  // user to token
  std::string content_origin;                   // see HubOptions
  LocationStyle location_style = LocationStyle::s3;
  std::chrono::seconds location_lifetime{3600};
  bool regular_files_direct = false;
  bool advertises_xet = true;
  Mirror mirror{};
  Quotas quotas{};
  Shaping shaping{};
  // SO_SNDBUF of the CDN hosts, to make "bytes served" close to "bytes received" when the client is
  // killed; 0: the kernel's choice.
  int cdn_send_buffer_bytes = 0;
};

// A Hugging Face Hub and its CDN on the loopback interface, as strict as the real ones. The
// destructor cuts all connections and returns promptly. All members may be called from any thread.
class Registry {
 public:
  // Serves at once; throws std::system_error when it cannot listen.
  explicit Registry(Options options = {});
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Adds or replaces a repository. Digests are computed when they are first listed.
  void add(Repository repository);
  void remove(const std::string& id);

  std::string hub_url() const;
  std::string cdn_url() const;
  std::string control_url() const;  // empty without the port

  // The throw-away CA, as PEM.
  std::string ca_pem() const;
  void write_ca(const std::filesystem::path& file) const;

  // What happened.
  std::vector<RequestRecord> requests() const { return m_journal.requests(); }
  std::size_t request_count(RequestKind kind) const;
  // Bytes of files in bodies, whole pieces being counted before they are sent.
  std::uint64_t content_bytes_served() const { return m_journal.content_bytes(); }
  // Things no honest client does: Authorization sent to the CDN, malformed requests.
  std::vector<std::string> violations() const { return m_journal.violations(); }
  std::uint64_t connection_count() const { return m_journal.connections(); }
  void clear_log() { m_journal.clear(); }
  bool wait_for_request(const Journal::Predicate& predicate,
                        std::chrono::milliseconds timeout) const;
  bool wait_for_content_bytes(std::uint64_t count, std::chrono::milliseconds timeout) const;

  // What to do wrong from now on.
  void set_fault_hook(FaultHook hook) { m_conditions.set_fault_hook(std::move(hook)); }
  void set_shaping(const Shaping& shaping) { m_conditions.set_shaping(shaping); }
  // Moves the servers' clock: locations expire, Date headers differ.
  void set_clock_offset(std::chrono::seconds offset) { m_conditions.set_clock_offset(offset); }
  // Cuts a host's connections and refuses new ones, until `up`. Not for two threads at once.
  void down(Host host);
  void up(Host host);
  // For connections made from now on; only with Options::tls.
  void set_certificate(Host host, CertificateKind kind);

 private:
  Server& server(Host host);

  const Options m_options;
  const CertificateAuthority m_authority;
  Journal m_journal;
  Conditions m_conditions;
  Store m_store;
  const Signer m_signer;
  std::unique_ptr<Site> m_cdn_site;
  std::unique_ptr<Site> m_hub_site;
  std::unique_ptr<Site> m_control_site;
  std::map<Host, std::unique_ptr<Server>> m_servers;
};

}  // namespace mock
