// SPDX-License-Identifier: Apache-2.0
#include "support/mock/registry.hpp"

#include "support/mock/cdn.hpp"
#include "support/mock/control.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace mock {

namespace {

constexpr const char* k_second_cdn_address = "127.0.0.3";

std::string authority(const std::string& name, const std::string& address, const Server& server) {
  return (name.empty() ? address : name) + ":" + std::to_string(server.port());
}

}  // namespace

Registry::Registry(Options options)
    : m_options(std::move(options)),
      m_cdn_site(std::make_unique<Cdn>(m_store, m_signer, m_conditions, m_journal)),
      m_control_site(std::make_unique<Control>(m_journal)) {
  m_conditions.set_shaping(m_options.shaping);
  const auto tls = [&] { return m_options.tls ? m_authority.server_context() : TlsContext(); };
  const auto serve = [&](ServerOptions server, Site& site) {
    const Host host = server.host;
    m_servers[host] = std::make_unique<Server>(std::move(server), site, m_journal, m_conditions);
  };
  ServerOptions cdn{.host = Host::cdn,
                    .address = m_options.cdn_address,
                    .port = m_options.cdn_port,
                    .tls = tls(),
                    .send_buffer_bytes = m_options.cdn_send_buffer_bytes};
  serve(cdn, *m_cdn_site);
  std::vector<std::string> cdn_hosts = {
      authority(m_options.cdn_name, m_options.cdn_address, server(Host::cdn))};
  if (m_options.second_cdn) {
    cdn.host = Host::second_cdn;
    cdn.address = k_second_cdn_address;
    cdn.port = 0;
    serve(cdn, *m_cdn_site);
    cdn_hosts.push_back(authority("", cdn.address, server(Host::second_cdn)));
  }
  m_hub_site =
      std::make_unique<Hub>(HubOptions{.tls = m_options.tls,
                                       .tokens = m_options.tokens,
                                       .cdn_hosts = std::move(cdn_hosts),
                                       .content_origin = m_options.content_origin,
                                       .location_style = m_options.location_style,
                                       .location_lifetime = m_options.location_lifetime,
                                       .regular_files_direct = m_options.regular_files_direct,
                                       .advertises_xet = m_options.advertises_xet,
                                       .mirror = m_options.mirror,
                                       .quotas = m_options.quotas},
                            m_store, m_signer, m_conditions);
  serve({.host = Host::hub,
         .address = m_options.hub_address,
         .port = m_options.hub_port,
         .tls = tls()},
        *m_hub_site);
  if (m_options.control_port) {
    serve({.host = Host::control, .port = m_options.control_port_number}, *m_control_site);
  }
}

Registry::~Registry() = default;

void Registry::add(Repository repository) { m_store.put(std::move(repository)); }

void Registry::remove(const std::string& id) { m_store.remove(id); }

std::string Registry::hub_url() const {
  return (m_options.tls ? "https://" : "http://") +
         authority(m_options.hub_name, m_options.hub_address, *m_servers.at(Host::hub));
}

std::string Registry::cdn_url() const {
  return (m_options.tls ? "https://" : "http://") +
         authority(m_options.cdn_name, m_options.cdn_address, *m_servers.at(Host::cdn));
}

std::string Registry::control_url() const {
  const auto found = m_servers.find(Host::control);
  return found == m_servers.end() ? ""
                                  : "http://127.0.0.1:" + std::to_string(found->second->port());
}

std::string Registry::ca_pem() const { return m_authority.pem(); }

void Registry::write_ca(const std::filesystem::path& file) const {
  std::ofstream out(file, std::ios::trunc);
  out << m_authority.pem();
  out.close();
  if (!out) {
    throw std::runtime_error("cannot write " + file.string());
  }
}

std::size_t Registry::request_count(RequestKind kind) const {
  const std::vector<RequestRecord> records = m_journal.requests();
  const auto count =
      std::count_if(records.begin(), records.end(), [&](const auto& r) { return r.kind == kind; });
  return static_cast<std::size_t>(count);
}

bool Registry::wait_for_request(const Journal::Predicate& predicate,
                                std::chrono::milliseconds timeout) const {
  return m_journal.wait_for_request(predicate, timeout);
}

bool Registry::wait_for_content_bytes(std::uint64_t count,
                                      std::chrono::milliseconds timeout) const {
  return m_journal.wait_for_content_bytes(count, timeout);
}

void Registry::down(Host host) { server(host).stop(); }

void Registry::up(Host host) { server(host).start(); }

void Registry::set_certificate(Host host, CertificateKind kind) {
  server(host).set_tls(m_authority.server_context(kind));
}

Server& Registry::server(Host host) { return *m_servers.at(host); }

}  // namespace mock
