// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace nai::util {

// What ended the work, as far as a Job has to tell it apart. `app` maps each kind to an exit
// status and nowhere else.
enum class ErrorKind {
  internal,
  usage,
  unauthorized,
  not_found,
  content_mismatch,
  storage,
  no_space,
  volume_busy,
  temporary,
  interrupted,
};

// The only exception type that ends something. One failed HTTP attempt is a value, not an Error.
//
// Messages are lower case, name the thing first and the cause last, and end without a period; texts
// that reproduce the Hub's own wording are exempt. They never contain a token or a signed query.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message);

  [[nodiscard]] ErrorKind kind() const noexcept { return m_kind; }

  // The same error with "context: " in front of its message.
  [[nodiscard]] Error with_context(std::string_view context) const;

  // What to do about it, where that is known better than from the kind alone; else empty. A
  // sentence.
  [[nodiscard]] const std::string& advice() const noexcept { return m_advice; }
  [[nodiscard]] Error with_advice(std::string advice) const;

 private:
  ErrorKind m_kind;
  std::string m_advice;
};

// An Error for a failed system call: "<what>: <strerror>". ENOSPC, EDQUOT and EFBIG become
// no_space, everything else storage.
[[nodiscard]] Error storage_error(std::string_view what, int errno_value);

}  // namespace nai::util
