// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/types.h>

namespace nai::http {

// A filter that reads up to 128 KiB at a time from what it is pushed onto and gives it away in any
// portions. OpenSSL asks twice for each record of 16 KiB, for its header and for the rest; its own
// read-ahead asks for more at a time too, but moves all that it has to the front of its buffer at
// each record, which copies what arrives several times. Null without memory; owned by the caller.
[[nodiscard]] BIO* new_read_ahead_bio() noexcept;

// Puts one before the socket of every connection that `context` is used for, as its handshake
// begins. A connection that there is no memory for reads without it.
void read_ahead(SSL_CTX* context) noexcept;

}  // namespace nai::http
