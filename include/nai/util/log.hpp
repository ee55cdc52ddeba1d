// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace nai::util {

enum class Level { debug, info, warning, error };

// A named value beside a message, for the JSON log.
using FieldValue = std::variant<std::string, std::uint64_t, double, bool>;
using Fields = std::vector<std::pair<std::string_view, FieldValue>>;

// Diagnostics, for people and machines; thread-safe. `event` is a stable snake_case word, `message`
// one line in plain words that needs no field to be understood. Neither may contain a token or a
// signed query.
class Log {
 public:
  virtual ~Log() = default;

  virtual void write(Level level, std::string_view event, std::string_view message,
                     const Fields& fields) = 0;
  // False when a message of this level would be dropped, so that it need not be built.
  [[nodiscard]] virtual bool enabled(Level level) const = 0;
  // From now on no message contains `secret`: for tokens that are only known at run time.
  virtual void hide(std::string secret) = 0;

  void debug(std::string_view event, std::string_view message, const Fields& fields = {}) {
    write(Level::debug, event, message, fields);
  }
  void info(std::string_view event, std::string_view message, const Fields& fields = {}) {
    write(Level::info, event, message, fields);
  }
  void warning(std::string_view event, std::string_view message, const Fields& fields = {}) {
    write(Level::warning, event, message, fields);
  }
};

}  // namespace nai::util
