// SPDX-License-Identifier: Apache-2.0
#include "support/mock/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdexcept>

namespace mock {

namespace {

constexpr long k_day = 24L * 60 * 60;
constexpr const char* k_names =
    "IP:127.0.0.1,IP:127.0.0.2,IP:127.0.0.3,IP:::1,DNS:localhost,DNS:hub.test,DNS:cdn.test";

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

void require(bool ok, const char* what) {
  if (!ok) {
    throw std::runtime_error(std::string("OpenSSL cannot ") + what);
  }
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  require(key != nullptr, "make a key");
  return key;
}

void add_extension(X509& certificate, X509& issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  require(extension != nullptr && X509_add_ext(&certificate, extension, -1) == 1,
          "add an extension");
  X509_EXTENSION_free(extension);
}

struct Validity {
  long from_seconds = -k_day;
  long until_seconds = 30 * k_day;
};

Certificate make_certificate(EVP_PKEY& key, const char* name, Validity validity) {
  Certificate certificate(X509_new(), &X509_free);
  std::uint64_t serial = 0;
  require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1,
          "draw a serial number");
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1U);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), validity.from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), validity.until_seconds);
  X509_set_pubkey(certificate.get(), &key);
  const auto* text = reinterpret_cast<const unsigned char*>(name);
  require(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                                     text, -1, -1, 0) == 1,
          "name a certificate");
  return certificate;
}

}  // namespace

struct CertificateAuthority::Issuer {
  explicit Issuer(const char* name)
      : key(make_key()), certificate(make_certificate(*key, name, {})) {
    X509& self = *certificate;
    X509_set_issuer_name(&self, X509_get_subject_name(&self));
    add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(self, self, NID_subject_key_identifier, "hash");
    require(X509_sign(&self, key.get(), EVP_sha256()) > 0, "sign the authority");
  }

  Certificate issue(EVP_PKEY& server_key, Validity validity, const char* names) const {
    Certificate server = make_certificate(server_key, "mock registry", validity);
    X509_set_issuer_name(server.get(), X509_get_subject_name(certificate.get()));
    add_extension(*server, *certificate, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(*server, *certificate, NID_key_usage, "critical,digitalSignature");
    add_extension(*server, *certificate, NID_ext_key_usage, "serverAuth");
    add_extension(*server, *certificate, NID_subject_key_identifier, "hash");
    add_extension(*server, *certificate, NID_authority_key_identifier, "keyid");
    add_extension(*server, *certificate, NID_subject_alt_name, names);
    require(X509_sign(server.get(), key.get(), EVP_sha256()) > 0, "sign a certificate");
    return server;
  }

  Key key;
  Certificate certificate;
};

CertificateAuthority::CertificateAuthority()
    : m_issuer(std::make_unique<Issuer>("mock registry throw-away CA")) {}

CertificateAuthority::~CertificateAuthority() = default;

std::string CertificateAuthority::pem() const {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  require(PEM_write_bio_X509(bio.get(), m_issuer->certificate.get()) == 1, "write a certificate");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

TlsContext CertificateAuthority::server_context(CertificateKind kind) const {
  TlsContext context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  require(context != nullptr, "make a TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);

  Validity validity;
  if (kind == CertificateKind::expired) {
    validity = {.from_seconds = -10 * k_day, .until_seconds = -k_day};
  }
  const char* names = kind == CertificateKind::wrong_name ? "DNS:elsewhere.test" : k_names;
  const Key key = make_key();
  const std::unique_ptr<Issuer> stranger = kind == CertificateKind::unknown_issuer
                                               ? std::make_unique<Issuer>("somebody else's CA")
                                               : nullptr;
  const Issuer& issuer = stranger ? *stranger : *m_issuer;
  const Certificate certificate = issuer.issue(*key, validity, names);
  require(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1 &&
              SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1,
          "use a certificate");
  return context;
}

}  // namespace mock
