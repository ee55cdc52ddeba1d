// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace nai::app {

// A shorter text would match anything.
inline constexpr std::size_t k_shortest_secret = 4;

// The last line of defence for secrets: whoever builds a message must not put one in. Thread-safe.
class Redactor {
 public:
  // Ignores texts shorter than k_shortest_secret.
  void add(std::string secret);
  // `text` with every known secret replaced by "***".
  [[nodiscard]] std::string without_secrets(std::string_view text) const;
  // The same with the query and the user info of every URL cut out; so are signed queries without
  // one. For prose: of a document it would leave no valid one.
  [[nodiscard]] std::string apply(std::string_view text) const;

 private:
  mutable std::mutex m_mutex;
  std::vector<std::string> m_secrets;  // longest first, each once
};

}  // namespace nai::app
