// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <nai/util/error.hpp>

#include "app/log.hpp"

namespace nai::app {

enum class Severity { ok, warning, error };

[[nodiscard]] std::string_view name_of(Severity severity);

// One thing that was looked at.
struct Finding {
  Severity severity = Severity::ok;
  std::string_view group;   // "names", "proxy", "network", "token", "model", "volume"
  std::string text;         // names the thing first
  std::string remedy = {};  // what to do; of everything but ok
  // How a download would end for it.
  util::ErrorKind kind = util::ErrorKind::temporary;
};

[[nodiscard]] Finding fine(std::string_view group, std::string text);
[[nodiscard]] Finding warning(std::string_view group, std::string text, std::string remedy);

// Tells findings as they come, one line each, and remembers them.
class Findings {
 public:
  // `silent`: remembers them only.
  Findings(Console& console, bool silent) : m_console(console), m_silent(silent) {}

  void add(Finding finding);
  void add(std::vector<Finding> findings);

  [[nodiscard]] const std::vector<Finding>& all() const { return m_all; }
  [[nodiscard]] std::size_t count(Severity severity) const;
  // Of the errors, the one that another attempt mends least; null when there is none.
  [[nodiscard]] const Finding* worst() const;

 private:
  Console& m_console;
  bool m_silent;
  std::vector<Finding> m_all;
};

}  // namespace nai::app
