// SPDX-License-Identifier: Apache-2.0
#include <http/read_ahead_bio.hpp>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

namespace nai::http {

namespace {

struct Buffer {
  std::array<char, std::size_t{128} * 1024> bytes{};
  std::size_t begin = 0;
  std::size_t end = 0;
  bool drained = false;  // the last read took all that there was
};

Buffer& buffer_of(BIO* bio) { return *static_cast<Buffer*>(BIO_get_data(bio)); }

int create(BIO* bio) {
  auto* buffer = new (std::nothrow) Buffer;
  BIO_set_data(bio, buffer);
  BIO_set_init(bio, buffer == nullptr ? 0 : 1);
  return buffer == nullptr ? 0 : 1;
}

int destroy(BIO* bio) {
  delete static_cast<Buffer*>(BIO_get_data(bio));
  BIO_set_data(bio, nullptr);
  return 1;
}

// What the read of the next one returned: nothing arrived when it is 0 or less. After one that did
// not fill the buffer the socket is most likely empty: it is waited for without being asked first.
int fill(BIO* bio, Buffer& buffer) {
  if (std::exchange(buffer.drained, false)) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const int arrived =
      BIO_read(BIO_next(bio), buffer.bytes.data(), static_cast<int>(buffer.bytes.size()));
  BIO_clear_retry_flags(bio);
  BIO_copy_next_retry(bio);
  buffer.begin = 0;
  buffer.end = static_cast<std::size_t>(std::max(arrived, 0));
  buffer.drained = arrived > 0 && buffer.end < buffer.bytes.size();
  return arrived;
}

int read(BIO* bio, char* to, int wanted) {
  Buffer& buffer = buffer_of(bio);
  if (buffer.begin == buffer.end) {
    if (const int arrived = fill(bio, buffer); arrived <= 0) {
      return arrived;
    }
  }
  const std::size_t length =
      std::min(buffer.end - buffer.begin, static_cast<std::size_t>(std::max(wanted, 0)));
  std::memcpy(to, buffer.bytes.data() + buffer.begin, length);
  buffer.begin += length;
  return static_cast<int>(length);
}

long control(BIO* bio, int command, long number, void* pointer) {
  const Buffer& buffer = buffer_of(bio);
  const bool is_empty = buffer.begin == buffer.end;
  return command == BIO_CTRL_EOF && !is_empty ? 0
                                              : BIO_ctrl(BIO_next(bio), command, number, pointer);
}

BIO_METHOD* make_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "read ahead");
  if (method != nullptr) {
    BIO_meth_set_create(method, create);
    BIO_meth_set_destroy(method, destroy);
    BIO_meth_set_read(method, read);
    BIO_meth_set_ctrl(method, control);
  }
  return method;
}

// A handshake begins also when a session goes on with new keys, so there may be one already.
void insert(const SSL* connection, int where, int /*result*/) {
  BIO* socket = SSL_get_rbio(connection);
  if ((where & SSL_CB_HANDSHAKE_START) == 0 || socket == nullptr || BIO_next(socket) != nullptr) {
    return;
  }
  BIO* bio = new_read_ahead_bio();
  if (bio != nullptr && BIO_up_ref(socket) == 1) {
    // Only the callback's signature is const: the connection is libcurl's, which made it writable.
    SSL_set0_rbio(const_cast<SSL*>(connection), BIO_push(bio, socket));
  }
}

}  // namespace

BIO* new_read_ahead_bio() noexcept {
  static const BIO_METHOD* const method = make_method();
  return method == nullptr ? nullptr : BIO_new(method);
}

void read_ahead(SSL_CTX* context) noexcept { SSL_CTX_set_info_callback(context, insert); }

}  // namespace nai::http
