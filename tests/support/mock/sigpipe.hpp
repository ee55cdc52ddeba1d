// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

namespace mock {

// Keeps SIGPIPE from this thread, and from threads it starts, as long as it lives: OpenSSL writes
// to sockets without MSG_NOSIGNAL, alerts of its own included.
class WithoutSigpipe {
 public:
  WithoutSigpipe();
  ~WithoutSigpipe();
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t m_before{};
};

}  // namespace mock
