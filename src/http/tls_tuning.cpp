// SPDX-License-Identifier: Apache-2.0
#include <http/tls_tuning.hpp>

#include <openssl/ssl.h>

#include <http/read_ahead_bio.hpp>

namespace nai::http {

namespace {

// The default order puts the 256 bit key first, for no gain in an exchange of public files; servers
// mostly let the client choose.
constexpr const char* k_tls13_ciphers =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

}  // namespace

void tune_tls(void* ssl_context) noexcept {
  auto* context = static_cast<SSL_CTX*>(ssl_context);
  read_ahead(context);
  SSL_CTX_set_ciphersuites(context, k_tls13_ciphers);
}

}  // namespace nai::http
