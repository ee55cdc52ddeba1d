// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include <nai/util/clock.hpp>
#include <nai/util/log.hpp>

#include "app/config.hpp"
#include "app/file_rows.hpp"
#include "app/line_writer.hpp"
#include "app/redactor.hpp"

namespace nai::app {

// Where a console writes.
struct Streams {
  int output = 1;
  int error = 2;
};

// Everything the program says while it works. The documented lines and the progress go to standard
// output, diagnostics to standard error; as JSON, both are objects with the members time, level,
// event, message, and what the event adds. Thread-safe. Nothing it does throws or waits for long,
// whatever is on the other end.
class Console final : public util::Log {
 public:
  Console(const OutputConfig& config, util::Clock& clock, Streams streams = {});

  // Never lets `secret` out from then on.
  void hide(std::string secret) override;

  // Diagnostics, to standard error.
  void write(util::Level level, std::string_view event, std::string_view message,
             const util::Fields& fields) override;
  [[nodiscard]] bool enabled(util::Level level) const override;

  // A documented line, to standard output at every level.
  void announce(std::string_view event, std::string_view line, const util::Fields& fields = {});
  // An empty line between documented ones; nothing as JSON.
  void announce_blank();
  // A line of progress or summary, to standard output unless quiet.
  void progress(std::string_view event, std::string_view line, const util::Fields& fields = {});

  // A document that a command was asked for, to standard output at every level and in every format:
  // `text` as it is but for known secrets, line ends included. Addresses stay whole: who makes it
  // passes prose of others through presentable().
  void document(std::string_view text);

  // Whether progress is shown as a status line that is redrawn in place instead.
  [[nodiscard]] bool has_status_line() const { return m_has_status_line; }
  // The columns and rows it may take.
  [[nodiscard]] DisplaySize status_size() const;
  // Replaces the status, a line or several, each cut to the width of the terminal; empty takes it
  // away.
  void show_status(std::string_view text);

  // Why the run failed: the last thing on standard error, `text` as it is, over several lines if it
  // has them. No status is shown afterwards.
  void fail(std::string_view text, const util::Fields& fields);
  // What fail() writes of `text`: without secrets and control characters.
  [[nodiscard]] std::string presentable(std::string_view text) const;

 private:
  struct Line {
    LineWriter* writer;
    util::Level level;
    std::string_view event;
    std::string_view message;
    const util::Fields& fields;
  };
  void put(const Line& line, std::string_view prefix);
  [[nodiscard]] std::string as_json(const Line& line) const;
  [[nodiscard]] std::string erasure() const;
  void end_status();
  void put_raw(LineWriter& writer, const std::string& text);

  LogFormat m_format;
  LogLevel m_level;
  util::Clock& m_clock;
  Redactor m_redactor;
  int m_output_fd;
  bool m_has_status_line;

  // Held while writing, against the rule: lines of several threads must not mix, and the writers
  // bound the wait.
  std::mutex m_mutex;
  LineWriter m_output;
  LineWriter m_error;
  std::string m_status;
  bool m_has_ended = false;
};

}  // namespace nai::app
