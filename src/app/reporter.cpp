// SPDX-License-Identifier: Apache-2.0
#include "app/reporter.hpp"

#include "app/file_rows.hpp"
#include "app/progress_line.hpp"

namespace nai::app {

namespace {

using namespace std::chrono_literals;

constexpr auto k_redraw_interval = 200ms;

}  // namespace

Reporter::Reporter(const transfer::Progress& progress, Console& console, util::Clock& clock,
                   std::optional<std::chrono::milliseconds> interval)
    : m_progress(progress),
      m_console(console),
      m_clock(clock),
      m_interval(interval),
      m_start(clock.steady_now()),
      m_thread([this](const std::stop_token& stop) { run(stop); }) {}

Reporter::~Reporter() {
  m_thread.request_stop();
  m_thread.join();
  m_console.show_status("");
}

std::chrono::milliseconds Reporter::elapsed() const {
  return std::chrono::floor<std::chrono::milliseconds>(m_clock.steady_now() - m_start);
}

void Reporter::run(const std::stop_token& stop) {
  if (m_interval == 0ms) {
    return;
  }
  if (m_console.has_status_line()) {
    redraw_bar(stop);
  } else {
    print_lines(stop);
  }
}

void Reporter::print_lines(const std::stop_token& stop) {
  RateMeter meter(m_start);
  while (true) {
    m_clock.sleep_until(m_clock.steady_now() + report_interval(m_interval, elapsed()), stop);
    if (stop.stop_requested()) {
      return;
    }
    const auto state = snapshot(m_progress);
    meter.add(m_clock.steady_now(), state);
    const auto pace = meter.pace();
    m_console.progress("progress", progress_line(state, pace), progress_fields(state, pace));
  }
}

void Reporter::redraw_bar(const std::stop_token& stop) {
  RateMeter meter(m_start);
  while (!stop.stop_requested()) {
    const auto state = snapshot(m_progress);
    meter.add(m_clock.steady_now(), state);
    const DisplaySize size = m_console.status_size();
    m_console.show_status(file_rows(m_progress.files.all(), size) +
                          progress_bar(state, meter.pace(), size.width));
    m_clock.sleep_until(m_clock.steady_now() + k_redraw_interval, stop);
  }
}

}  // namespace nai::app
