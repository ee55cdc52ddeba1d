// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nai/util/log.hpp>

namespace nai::test {

// Keeps what was logged.
class CapturedLog final : public util::Log {
 public:
  // From `least` on, as a log does that is not at debug level.
  explicit CapturedLog(util::Level least = util::Level::debug) : m_least(least) {}

  struct Entry {
    util::Level level;
    std::string event;
    std::string message;
  };

  void write(util::Level level, std::string_view event, std::string_view message,
             const util::Fields& /*fields*/) override {
    if (!enabled(level)) {
      return;
    }
    const std::scoped_lock lock(m_mutex);
    m_entries.push_back({level, std::string(event), std::string(message)});
  }
  [[nodiscard]] bool enabled(util::Level level) const override { return level >= m_least; }
  void hide(std::string secret) override {
    const std::scoped_lock lock(m_mutex);
    m_secrets.push_back(std::move(secret));
  }
  [[nodiscard]] bool hides(std::string_view secret) const {
    const std::scoped_lock lock(m_mutex);
    return std::find(m_secrets.begin(), m_secrets.end(), secret) != m_secrets.end();
  }

  [[nodiscard]] std::vector<Entry> entries() const {
    const std::scoped_lock lock(m_mutex);
    return m_entries;
  }
  [[nodiscard]] std::size_t count(std::string_view event) const {
    const auto all = entries();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const Entry& e) { return e.event == event; }));
  }
  // The first message of that event; empty when there is none.
  [[nodiscard]] std::string message(std::string_view event) const {
    for (const Entry& entry : entries()) {
      if (entry.event == event) {
        return entry.message;
      }
    }
    return {};
  }

 private:
  util::Level m_least;
  mutable std::mutex m_mutex;
  std::vector<Entry> m_entries;
  std::vector<std::string> m_secrets;
};

}  // namespace nai::test
