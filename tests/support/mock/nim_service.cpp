// SPDX-License-Identifier: Apache-2.0
#include "support/mock/nim_service.hpp"

#include "support/mock/nim_sites.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace mock {

struct NimService::Parts {
  Parts(NimServiceOptions given, const CertificateAuthority& authority, Journal& journal,
        Conditions& conditions)
      : options(std::move(given)),
        locations(options, catalog, conditions),
        front_site(options, catalog, locations, journal),
        content_site(catalog, locations, conditions, journal),
        content({.host = Host::cdn,
                 .address = "127.0.0.2",
                 .port = options.cdn_port,
                 .tls = options.tls ? authority.server_context() : nullptr,
                 .send_buffer_bytes = options.cdn_send_buffer_bytes},
                content_site, journal, conditions),
        front({.host = Host::hub,
               .port = options.port,
               .tls = options.tls ? authority.server_context() : nullptr},
              front_site, journal, conditions) {
    locations.set_host("127.0.0.2:" + std::to_string(content.port()));
    front_site.set_host("127.0.0.1:" + std::to_string(front.port()));
  }

  const NimServiceOptions options;
  NimCatalog catalog;
  NimLocations locations;
  NimFrontSite front_site;
  NimContentSite content_site;
  Server content;
  Server front;
};

NimService::NimService(NimServiceOptions options) {
  m_conditions.set_shaping(options.shaping);
  m_parts = std::make_unique<Parts>(std::move(options), m_authority, m_journal, m_conditions);
}

NimService::~NimService() = default;

std::string NimService::add(const NimImage& image) { return m_parts->catalog.add(image); }

void NimService::add(NgcModel model) { m_parts->catalog.add(std::move(model)); }

std::string NimService::host() const {
  return "127.0.0.1:" + std::to_string(m_parts->front.port());
}

std::string NimService::api_url() const {
  return (m_parts->options.tls ? "https://" : "http://") + host();
}

std::string NimService::cdn_host() const { return m_parts->locations.host(); }

void NimService::write_ca(const std::filesystem::path& file) const {
  std::ofstream out(file, std::ios::trunc);
  out << m_authority.pem();
  out.close();
  if (!out) {
    throw std::runtime_error("cannot write " + file.string());
  }
}

std::size_t NimService::request_count(std::string_view part) const {
  const auto records = m_journal.requests();
  return static_cast<std::size_t>(std::count_if(
      records.begin(), records.end(),
      [&](const RequestRecord& record) { return record.target.find(part) != std::string::npos; }));
}

void NimService::content_down() { m_parts->content.stop(); }

void NimService::content_up() { m_parts->content.start(); }

}  // namespace mock
