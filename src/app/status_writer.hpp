// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include <nai/transfer/progress.hpp>
#include <nai/util/clock.hpp>

#include "app/log.hpp"
#include "app/run_status.hpp"

namespace nai::app {

// Where a run tells programs of itself.
struct StatusFiles {
  std::filesystem::path status;     // empty: none, the volume is not ours yet
  std::filesystem::path metrics;    // empty: none
  std::function<bool()> may_write;  // asked before the status file is replaced: is the volume ours?
};

// Keeps the status file and the metrics file up to date from a thread of its own, every few
// seconds, each by an atomic replacement. What cannot be written is told once and ends nothing.
class StatusWriter {
 public:
  // The references must outlive it. Writes at once.
  StatusWriter(StatusFiles files, RunIdentity run, const transfer::Progress& progress,
               Console& console, util::Clock& clock);
  // A run that did not say how it ended has failed.
  ~StatusWriter();
  StatusWriter(const StatusWriter&) = delete;
  StatusWriter& operator=(const StatusWriter&) = delete;

  // The run knows more of itself by now, and has the volume. Writes at once; blocks while the last
  // write does.
  void go_on(StatusFiles files, RunIdentity run);
  // From now on others write, and tell how the run ends. Blocks while the last write does.
  void leave();
  // Writes the end of the run. Nothing is written afterwards. Blocks while the volume does.
  void finish(RunState state, const std::string& error_kind = {}, const std::string& error = {});

 private:
  void start();
  void run(const std::stop_token& stop);
  void write(RunStatus status);
  [[nodiscard]] bool may_write_status() const;
  void replace(const std::filesystem::path& path, const std::string& content, bool& told);

  StatusFiles m_files;
  RunIdentity m_run;
  const transfer::Progress& m_progress;
  Console& m_console;
  util::Clock& m_clock;
  RateMeter m_meter;  // of the thread; of finish() once that has ended
  bool m_finished = false;
  bool m_told_status = false;
  bool m_told_metrics = false;
  std::jthread m_thread;
};

}  // namespace nai::app
