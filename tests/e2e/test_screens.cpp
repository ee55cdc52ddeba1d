// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <signal.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <regex>
#include <string>
#include <utility>

#include "e2e/screens.hpp"
#include "support/mock/loading.hpp"

namespace nai::test {

namespace {

using namespace std::chrono_literals;

const std::string k_id = "acme/llama-8b";
const std::string k_start = "REPO_ID=acme/llama-8b nai-model-processor";

mock::File weights(const std::string& path, std::uint64_t size) {
  return mock::lfs_file(path, mock::plausible_content(path, size, size));
}

mock::Repository model(std::uint64_t scale = 1) {
  return mock::make_repository(
      k_id, {mock::regular_file("README.md", "# Made up\n"),
             mock::regular_file("config.json", "{\"model_type\": \"llama\"}"),
             weights("model-00001-of-00002.safetensors", scale * 5'000'000),
             weights("model-00002-of-00002.safetensors", scale * 3'000'000),
             mock::lfs_file("original/consolidated.00.pth", mock::Content::generated(3, 8'000'000)),
             mock::regular_file("tokenizer.json", "{}")});
}

// So slow that there is progress to look at.
mock::Options slow(std::uint64_t bytes_per_second) {
  mock::Options options = over_tls();
  options.shaping.total_bytes_per_second = bytes_per_second;
  options.cdn_send_buffer_bytes = 64 * 1024;
  return options;
}

void add_logs(ScreensPage& page) {
  mock::Registry registry(slow(40'000'000));
  registry.add(model(10));
  Job job(registry, k_id);
  const Places places = places_of(job, registry);
  job.environment["PROGRESS_INTERVAL"] = "500ms";
  {
    TerminalProcess process(command_line({}), on_a_pipe(job.environment), {.columns = 9999});
    REQUIRE(registry.wait_for_content_bytes(45'000'000, 60s));
    process.send_signal(SIGTERM);
    page.add({"fresh", "A fresh download, until the pod is stopped", k_start,
              places.apply(log_of(process))});
  }
  page.add({"resumed", "The next attempt", k_start, places.apply(log_of({}, job.environment))});
  page.add({"status-file", "The status file that it leaves", "cat /data/.nai/status.json",
            places.apply(read_file(job.mount() / ".nai/status.json"))});
  page.add({"complete", "The same again", k_start, places.apply(log_of({}, job.environment))});
}

void add_formats(ScreensPage& page) {
  mock::Registry registry(slow(8'000'000));
  registry.add(model());
  const auto run = [&](const char* variable, const char* value) {
    Job job(registry, k_id);
    job.environment[variable] = value;
    job.environment["CONNECTIONS"] = "1";  // the order of requests is the same each time
    job.environment["PROGRESS_INTERVAL"] = "500ms";
    job.environment["METRICS_FILE"] = (job.mount().parent_path() / "nai.prom").string();
    auto text = places_of(job, registry).apply(log_of({}, job.environment));
    return std::pair(std::move(text), read_file(job.environment["METRICS_FILE"]));
  };
  const auto [json, metrics] = run("LOG_FORMAT", "json");
  page.add({"json", "As JSON", "LOG_FORMAT=json " + k_start, json});
  page.add({"metrics", "The metrics of that run", "cat $METRICS_FILE", metrics});
  page.add({"quiet", "Quiet", "LOG_LEVEL=quiet " + k_start, run("LOG_LEVEL", "quiet").first});
  page.add({"debug", "Debug", "LOG_LEVEL=debug " + k_start, run("LOG_LEVEL", "debug").first, true});
}

// A server that wants fewer requests: all connections are told so at once.
void add_trouble(ScreensPage& page) {
  mock::Registry registry(over_tls());
  registry.add(model());
  registry.set_fault_hook([](const mock::RequestInfo& request) {
    mock::Fault fault;
    if (request.kind == mock::RequestKind::content && request.attempt <= 1) {
      fault.answer = mock::text_response(429, "slow down", "text/plain");
    }
    return fault;
  });
  Job job(registry, k_id);
  job.environment["RETRY_DELAY"] = "1ms";
  job.environment["PROGRESS_INTERVAL"] = "0";
  job.environment["CONNECTIONS"] = "2";
  page.add({"rate-limited", "A server that wants fewer requests: one line for all of them", k_start,
            places_of(job, registry).apply(log_of({}, job.environment))});
}

bool has_bar(const std::string& text) {
  static const std::regex k_bar(R"((^|\n)(\[[= ]+\])? *\d+\.\d %[^\n]* left\n$)");
  return std::regex_search(text, k_bar);
}

bool has_remains_of_a_bar(const std::string& text) {
  static const std::regex k_bar(R"((^|\n)(\[| *\d+\.\d %|[^\n]* \[=))");
  return std::regex_search(text, k_bar);
}

std::string last_line(const std::string& text) {
  const auto end = text.size() - 1;
  return text.substr(text.rfind('\n', end - 1) + 1, end - text.rfind('\n', end - 1) - 1);
}

struct Seen {
  std::string during;
  std::string after;
};

// On a terminal of that many columns, with a warning in the middle; a picture of it while the bar
// is there, and one of its end.
Seen watch(unsigned short columns) {
  mock::Registry registry(slow(12'000'000));
  registry.add(model(10));
  registry.set_fault_hook([](const mock::RequestInfo& request) {
    mock::Fault fault;
    if (request.kind == mock::RequestKind::content && request.file.starts_with("model-00002") &&
        request.attempt == 2) {
      fault.cut = mock::Fault::Cut::before_head;
    }
    return fault;
  });
  Job job(registry, k_id);
  job.environment["TERM"] = "xterm";
  job.environment["NO_COLOR"] = "1";
  job.environment["CHUNK_SIZE"] = "1MiB";
  const Places places = places_of(job, registry);
  TerminalProcess process(command_line({}), job.environment, {.columns = columns, .rows = 24});
  Seen seen;
  seen.during = process.wait_for([](const std::string& text) {
    return has_bar(text) && text.find("warning: ") != std::string::npos;
  });
  registry.set_shaping({});
  CHECK(process.wait() == 0);
  seen.after = process.screen().text();
  CHECK(process.screen().unknown().empty());
  CHECK_FALSE(has_remains_of_a_bar(seen.after));
  seen.during = places.apply(seen.during);
  seen.after = places.apply(seen.after);
  return seen;
}

void add_terminal(ScreensPage& page) {
  const Seen seen = watch(110);
  page.add({"terminal", "While it runs: lines go above, the bar and a row for each file stay below",
            k_start, seen.during});
  page.add({"terminal-end", "At its end the bar is gone", k_start, seen.after});
}

}  // namespace

void add_downloads(ScreensPage& page) {
  page.section("A download in a log", "");
  add_logs(page);
  add_formats(page);
  add_trouble(page);
  page.section("A download on a terminal", "");
  add_terminal(page);
}

}  // namespace nai::test

using namespace nai::test;

TEST_CASE("the page of screens shows what the program shows") {
  ScreensPage page;
  add_downloads(page);
  add_commands(page);
  add_failures(page);
  page.finish();
}

TEST_CASE("on a narrow terminal the bar never wraps, and leaves nothing behind") {
  for (const auto columns : std::to_array<unsigned short>({20, 30, 40})) {
    const auto seen = watch(columns);
    INFO(columns << "\n" << seen.during);
    const auto bar = last_line(seen.during);
    CHECK(bar.size() < columns);
    CHECK(bar.find(" %") != std::string::npos);
  }
}
