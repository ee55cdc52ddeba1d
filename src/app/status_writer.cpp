// SPDX-License-Identifier: Apache-2.0
#include "app/status_writer.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include <nai/util/file.hpp>

namespace nai::app {

namespace {

constexpr auto k_interval = std::chrono::seconds(5);

}  // namespace

StatusWriter::StatusWriter(StatusFiles files, RunIdentity run, const transfer::Progress& progress,
                           Console& console, util::Clock& clock)
    : m_files(std::move(files)),
      m_run(std::move(run)),
      m_progress(progress),
      m_console(console),
      m_clock(clock),
      m_meter(clock.steady_now()) {
  start();
}

StatusWriter::~StatusWriter() {
  if (!m_finished) {
    finish(RunState::failed, "internal", "the run ended without saying why");
  }
}

void StatusWriter::start() {
  m_thread = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

// The thread is the only one that reads what changes here.
void StatusWriter::go_on(StatusFiles files, RunIdentity run) {
  m_thread.request_stop();
  m_thread.join();
  m_files = std::move(files);
  m_run = std::move(run);
  start();
}

void StatusWriter::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    write({});
    m_clock.sleep_until(m_clock.steady_now() + k_interval, stop);
  }
}

void StatusWriter::leave() {
  m_finished = true;
  m_thread.request_stop();
  m_thread.join();
}

void StatusWriter::finish(RunState state, const std::string& error_kind, const std::string& error) {
  leave();
  write({.state = state, .error_kind = error_kind, .error = m_console.presentable(error)});
}

void StatusWriter::write(RunStatus status) {
  status.progress = snapshot(m_progress);
  m_meter.add(m_clock.steady_now(), status.progress);
  status.pace = m_meter.pace();
  status.last_problem = m_console.presentable(m_progress.last_problem.get());
  status.updated_at = m_clock.system_now();
  if (status.state != RunState::running) {
    status.pace.left.reset();
  }
  // First the one that does not lie on the volume, which may not answer.
  if (!m_files.metrics.empty()) {
    replace(m_files.metrics, metrics_text(m_run, status), m_told_metrics);
  }
  if (!m_files.status.empty() && may_write_status()) {
    replace(m_files.status, status_document(m_run, status), m_told_status);
  }
}

// A volume that gives an error instead of the answer ends nothing here.
bool StatusWriter::may_write_status() const {
  try {
    return m_files.may_write();
  } catch (const std::exception&) {
    return false;
  }
}

void StatusWriter::replace(const std::filesystem::path& path, const std::string& content,
                           bool& told) {
  try {
    util::replace_file(path, content);
  } catch (const std::exception& error) {
    if (!std::exchange(told, true)) {
      // Somebody asked for the metrics.
      const bool asked_for = path == m_files.metrics;
      m_console.write(asked_for ? util::Level::warning : util::Level::debug, "status_not_written",
                      fmt::format("the run goes on without telling of itself in {}: {}",
                                  path.string(), error.what()),
                      {{"path", path.string()}});
    }
  }
}

}  // namespace nai::app
