// SPDX-License-Identifier: Apache-2.0
#include "app/run_status.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/version.hpp>

namespace nai::app {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array k_states{RunState::running, RunState::complete, RunState::failed,
                              RunState::interrupted};

std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void add_fields(Json& object, const util::Fields& fields) {
  for (const auto& [name, value] : fields) {
    std::visit([&, key = std::string(name)](const auto& plain) { object[key] = plain; }, value);
  }
}

std::string label_value(std::string_view text) {
  std::string result;
  for (const char c : text) {
    result += c == '\\' ? "\\\\" : c == '"' ? "\\\"" : c == '\n' ? "\\n" : std::string(1, c);
  }
  return "\"" + result + "\"";
}

std::uint64_t unix_seconds(util::SystemTime time) {
  return static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count());
}

// Collects metrics that all carry the label `model`, so that files of several Jobs can be scraped
// together.
class MetricsText {
 public:
  explicit MetricsText(std::string_view model) : m_model("model=" + label_value(model)) {}

  void begin(std::string_view name, std::string_view type, std::string_view help) {
    m_name = fmt::format("nai_download_{}", name);
    m_text += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", m_name, type, help);
  }
  void value(std::uint64_t number, std::string_view labels = "") {
    m_text += fmt::format("{}{{{}{}{}}} {}\n", m_name, m_model, labels.empty() ? "" : ",", labels,
                          number);
  }
  void gauge(std::string_view name, std::string_view help, std::uint64_t number) {
    begin(name, "gauge", help);
    value(number);
  }
  void counter(std::string_view name, std::string_view help, std::uint64_t number) {
    begin(name, "counter", help);
    value(number);
  }
  [[nodiscard]] std::string take() { return std::move(m_text); }

 private:
  std::string m_model;
  std::string m_name;
  std::string m_text;
};

void add_progress(MetricsText& text, const ProgressState& progress) {
  text.gauge("files", "Files of the model.", progress.files_total);
  text.gauge("files_done", "Files that are verified and in place.", progress.files_done);
  text.gauge("size_bytes", "Bytes of the model.", progress.bytes_total);
  text.gauge("present_bytes", "Bytes of the model that are on the volume.", progress.bytes_present);
  text.gauge("resumed_bytes", "Bytes that were on the volume when the run began.",
             progress.bytes_reused);
  text.counter("received_bytes_total", "Bytes that came from the network in this run.",
               progress.bytes_received);
  text.counter("hashed_bytes_total", "Bytes that were checked in this run.", progress.bytes_hashed);
  text.gauge("connections", "Requests in flight.", progress.connections);
  text.begin("retries_total", "counter", "Requests that were made again, by cause.");
  for (const auto& [cause, count] : retries_by_cause(progress)) {
    text.value(count, fmt::format("cause=\"{}\"", cause));
  }
}

}  // namespace

std::string_view name_of(RunState state) {
  switch (state) {
    case RunState::running:
      return "running";
    case RunState::complete:
      return "complete";
    case RunState::failed:
      return "failed";
    case RunState::interrupted:
      return "interrupted";
  }
  return "failed";
}

RunState state_of(const util::Error& error) {
  return error.kind() == util::ErrorKind::interrupted ? RunState::interrupted : RunState::failed;
}

std::string_view phase_of(const RunStatus& status) {
  const ProgressState& progress = status.progress;
  if (status.state != RunState::running) {
    return "finished";
  }
  if (progress.files_total == 0) {
    return "preparing";
  }
  if (progress.bytes_present >= progress.bytes_total) {
    return "verifying";
  }
  return progress.bytes_received == 0 && progress.bytes_hashed > 0 ? "checking" : "downloading";
}

std::string status_document(const RunIdentity& run, const RunStatus& status) {
  Json object{{"format", 1},
              {"state", name_of(status.state)},
              {"phase", phase_of(status)},
              {"repository", run.repository},
              {"revision", run.revision},
              {"model_name", run.model_name}};
  add_fields(object, progress_fields(status.progress, status.pace));
  if (!object.contains("seconds_left")) {
    object["seconds_left"] = nullptr;
  }
  object["retries_by_cause"] = Json::object();
  for (const auto& [cause, count] : retries_by_cause(status.progress)) {
    object["retries_by_cause"][std::string(cause)] = count;
  }
  object["last_problem"] = status.last_problem.empty() ? Json() : Json(status.last_problem);
  object["error"] = nullptr;
  if (!status.error_kind.empty()) {
    object["error"] = {{"kind", status.error_kind}, {"message", status.error}};
  }
  object["host"] = run.host;
  object["pid"] = run.pid;
  object["program"] = "nai-model-processor " NAI_VERSION " (" NAI_COMMIT ")";
  object["started_at"] = util::iso8601(run.started_at);
  object["updated_at"] = util::iso8601(status.updated_at);
  return dump(object);
}

std::string metrics_text(const RunIdentity& run, const RunStatus& status) {
  MetricsText text(run.model_name);
  text.begin("info", "gauge", "What is downloaded; always 1.");
  text.value(1, fmt::format("repository={},revision={},version={}", label_value(run.repository),
                            label_value(run.revision), label_value(NAI_VERSION)));
  text.begin("state", "gauge", "1 for the state that the run is in, 0 for the others.");
  for (const RunState state : k_states) {
    text.value(state == status.state ? 1 : 0, fmt::format("state=\"{}\"", name_of(state)));
  }
  if (!status.error_kind.empty()) {
    text.begin("failure", "gauge", "1 once the run has failed, with the kind of its error.");
    text.value(1, "kind=" + label_value(status.error_kind));
  }
  add_progress(text, status.progress);
  text.gauge("start_time_seconds", "When the run began, since the epoch.",
             unix_seconds(run.started_at));
  text.gauge("update_time_seconds", "When this was written, since the epoch.",
             unix_seconds(status.updated_at));
  return text.take();
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data())
                                                          : std::string("unknown");
}

}  // namespace nai::app
