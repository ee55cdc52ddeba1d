// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace nai::http {

// Makes receiving over TLS cheaper, with the same security. `ssl_context` is an SSL_CTX.
void tune_tls(void* ssl_context) noexcept;

}  // namespace nai::http
