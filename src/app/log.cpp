// SPDX-License-Identifier: Apache-2.0
#include "app/log.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include <nai/util/text.hpp>

namespace nai::app {

namespace {

using util::Level;

// Far above any sensible line, and below what a pipe takes in one write.
constexpr std::size_t k_max_line_bytes = 4000;
constexpr std::string_view k_erase_line = "\r\x1b[K";
constexpr std::string_view k_erase_line_above = "\x1b[A\x1b[K";

bool can_redraw(int fd) {
  const char* terminal = std::getenv("TERM");
  return ::isatty(fd) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

std::string_view name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "error";
}

std::string_view text_prefix(Level level) {
  switch (level) {
    case Level::debug:
      return "debug: ";
    case Level::info:
      return "";
    case Level::warning:
      return "warning: ";
    case Level::error:
      return "error: ";
  }
  return "";
}

}  // namespace

Console::Console(const OutputConfig& config, util::Clock& clock, Streams streams)
    : m_format(config.format),
      m_level(config.level),
      m_clock(clock),
      m_output_fd(streams.output),
      m_has_status_line(config.format == LogFormat::text && config.level != LogLevel::quiet &&
                        can_redraw(streams.output)),
      m_output(streams.output),
      m_error(streams.error) {}

void Console::hide(std::string secret) { m_redactor.add(std::move(secret)); }

std::string Console::presentable(std::string_view text) const {
  return util::printable(m_redactor.apply(text), k_max_line_bytes, true);
}

void Console::write(Level level, std::string_view event, std::string_view message,
                    const util::Fields& fields) {
  if (enabled(level)) {
    put({&m_error, level, event, message, fields}, text_prefix(level));
  }
}

bool Console::enabled(Level level) const {
  switch (m_level) {
    case LogLevel::quiet:
      return level >= Level::warning;
    case LogLevel::normal:
      return level >= Level::info;
    case LogLevel::debug:
      return true;
  }
  return true;
}

void Console::announce(std::string_view event, std::string_view line, const util::Fields& fields) {
  put({&m_output, Level::info, event, line, fields}, "");
}

void Console::announce_blank() {
  if (m_format == LogFormat::text) {
    put_raw(m_output, "\n");
  }
}

void Console::progress(std::string_view event, std::string_view line, const util::Fields& fields) {
  if (m_level != LogLevel::quiet) {
    announce(event, line, fields);
  }
}

void Console::document(std::string_view text) {
  put_raw(m_output, m_redactor.without_secrets(text));
}

DisplaySize Console::status_size() const {
  DisplaySize display;
  winsize size{};
  if (::ioctl(m_output_fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 && size.ws_row > 0) {
    display = {.width = size.ws_col, .height = size.ws_row};
  }
  // A line as wide as the terminal would wrap on some.
  --display.width;
  return display;
}

// What takes the status away, the cursor being at its end. A terminal that was made narrower since
// has wrapped its lines.
std::string Console::erasure() const {
  const std::size_t width = status_size().width + 1;
  std::size_t rows = 0;
  for (const auto line : util::split(m_status, '\n')) {
    rows += std::max<std::size_t>(1, (line.size() + width - 1) / width);
  }
  std::string text(k_erase_line);
  for (; rows > 1; --rows) {
    text += k_erase_line_above;
  }
  return text;
}

// A thread that hangs may still want to show one.
void Console::end_status() {
  if (m_has_status_line) {
    const std::lock_guard lock(m_mutex);
    m_output.write(m_status.empty() ? std::string() : erasure());
    m_status.clear();
    m_has_ended = true;
  }
}

void Console::show_status(std::string_view text) {
  if (!m_has_status_line) {
    return;
  }
  const auto width = status_size().width;
  const auto redacted = m_redactor.apply(text);
  std::string status;
  for (const auto line : util::split(redacted, '\n')) {
    status += (status.empty() ? "" : "\n") + util::printable(line, width);
  }
  const std::lock_guard lock(m_mutex);
  if (m_has_ended) {
    return;
  }
  const auto erase = erasure();
  m_status = std::move(status);
  m_output.write(erase + m_status);
}

void Console::fail(std::string_view text, const util::Fields& fields) {
  if (m_format == LogFormat::json) {
    put({&m_error, Level::error, "failed", text, fields}, "");
    return;
  }
  end_status();
  put_raw(m_error, presentable(text) + "\n");
}

void Console::put(const Line& line, std::string_view prefix) {
  if (m_format == LogFormat::json) {
    put_raw(*line.writer, as_json(line) + "\n");
    return;
  }
  std::string text(prefix);
  text += util::printable(m_redactor.apply(line.message), k_max_line_bytes);
  put_raw(*line.writer, text + "\n");
}

std::string Console::as_json(const Line& line) const {
  nlohmann::ordered_json object{
      {"time", util::iso8601(m_clock.system_now())},
      {"level", name(line.level)},
      {"event", line.event},
      {"message", util::printable(m_redactor.apply(line.message), k_max_line_bytes, true)}};
  for (const auto& [field, value] : line.fields) {
    auto& member = object[std::string(field)];
    if (const auto* text = std::get_if<std::string>(&value)) {
      member = util::printable(m_redactor.apply(*text), k_max_line_bytes, true);
    } else {
      std::visit([&](const auto& plain) { member = plain; }, value);
    }
  }
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void Console::put_raw(LineWriter& writer, const std::string& text) {
  const std::lock_guard lock(m_mutex);
  if (m_status.empty()) {
    writer.write(text);
    return;
  }
  m_output.write(erasure());
  writer.write(text);
  m_output.write(m_status);
}

}  // namespace nai::app
