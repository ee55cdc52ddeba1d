// SPDX-License-Identifier: Apache-2.0
#include <nai/util/error.hpp>

#include <cerrno>
#include <system_error>
#include <utility>

namespace nai::util {

Error::Error(ErrorKind kind, const std::string& message)
    : std::runtime_error(message), m_kind(kind) {}

Error Error::with_context(std::string_view context) const {
  return Error(m_kind, std::string(context) + ": " + what()).with_advice(m_advice);
}

Error Error::with_advice(std::string advice) const {
  Error result = *this;
  result.m_advice = std::move(advice);
  return result;
}

Error storage_error(std::string_view what, int errno_value) {
  const bool full = errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EFBIG;
  return {full ? ErrorKind::no_space : ErrorKind::storage,
          std::string(what) + ": " + std::generic_category().message(errno_value)};
}

}  // namespace nai::util
