// SPDX-License-Identifier: Apache-2.0
#include "support/mock/sigpipe.hpp"

#include <ctime>

namespace mock {

namespace {

sigset_t only_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  return signals;
}

}  // namespace

WithoutSigpipe::WithoutSigpipe() {
  const sigset_t signals = only_sigpipe();
  ::pthread_sigmask(SIG_BLOCK, &signals, &m_before);
}

WithoutSigpipe::~WithoutSigpipe() {
  if (sigismember(&m_before, SIGPIPE) == 0) {
    // What came in the meantime would arrive with the old mask.
    const sigset_t signals = only_sigpipe();
    const std::timespec now{};
    ::sigtimedwait(&signals, nullptr, &now);
  }
  ::pthread_sigmask(SIG_SETMASK, &m_before, nullptr);
}

}  // namespace mock
