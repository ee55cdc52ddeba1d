// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

struct ssl_ctx_st;

namespace mock {

using TlsContext = std::shared_ptr<ssl_ctx_st>;

enum class CertificateKind {
  valid,
  expired,
  wrong_name,
  unknown_issuer,
};

// A throw-away authority (EC P-256) that lives as long as the object.
class CertificateAuthority {
 public:
  CertificateAuthority();
  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  // What a client must trust.
  std::string pem() const;

  // A server context with a fresh certificate for 127.0.0.1 to 127.0.0.3, ::1, localhost, hub.test
  // and cdn.test. TLS 1.2 and 1.3; the client's order of ciphers decides.
  TlsContext server_context(CertificateKind kind = CertificateKind::valid) const;

 private:
  struct Issuer;
  std::unique_ptr<Issuer> m_issuer;
};

}  // namespace mock
