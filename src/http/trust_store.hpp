// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace nai::http {

// What OpenSSL's verification found wrong with a certificate chain.
struct VerifyFailure {
  std::string reason;   // OpenSSL's words; empty: nothing failed
  std::string subject;  // of the certificate at fault
  std::string issuer;
};

class TrustStore;

// What was seen while a certificate chain was verified.
struct Verification {
  VerifyFailure failure = {};
  // Of a chain that is trusted; see Peer.
  std::string subject = {};
  std::string issuer = {};
  std::string authority = {};
  std::string authority_origin = {};

  const TrustStore* store = nullptr;  // that verifies; set by install()
};

// The certificate authorities that connections trust: the built-in bundle and what the operator
// adds. Parsed once; contexts share it. Thread-safe after construction.
class TrustStore {
 public:
  // Throws Error{usage} naming the file or directory that cannot be used, and why.
  TrustStore(const std::vector<std::filesystem::path>& extra_files,
             const std::vector<std::filesystem::path>& extra_directories);
  ~TrustStore();
  TrustStore(const TrustStore&) = delete;
  TrustStore& operator=(const TrustStore&) = delete;

  // Makes `ssl_ctx` (an OpenSSL SSL_CTX) verify against this store. What is seen of
  // chains goes to `*verification`, which must live as long as the context's connections.
  void install(void* ssl_ctx, Verification* verification) const noexcept;

  // Where a certificate (an OpenSSL X509) of the store came from: "built in", or a path.
  [[nodiscard]] std::string origin_of(const void* x509) const;

  // Certificates in the store.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Store;
  std::unique_ptr<Store> m_store;
};

}  // namespace nai::http
