// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "e2e/screens.hpp"
#include "support/mock/loading.hpp"
#include "support/mock/message.hpp"

namespace nai::test {

namespace {

using namespace std::chrono_literals;

const std::string k_id = "acme/llama-8b";
const std::string k_start = "REPO_ID=acme/llama-8b nai-model-processor";

mock::Repository model() {
  return mock::make_repository(
      k_id, {mock::regular_file("config.json", "{\"model_type\": \"llama\"}"),
             mock::lfs_file("model.safetensors",
                            mock::plausible_content("model.safetensors", 1, 20'000'000))});
}

mock::Options with_users() {
  mock::Options options = over_tls();
  options.tokens = {{"guest", "hf_of-somebody-else"}};
  return options;
}

// A run that fails, of a job that `prepare` has made so.
struct Failure {
  std::string name;
  std::string title;
  std::string command = k_start;
  std::function<void(Job& job, mock::Registry& registry)> prepare;
};

void add_failure(ScreensPage& page, const Failure& failure) {
  mock::Registry registry(with_users());
  registry.add(model());
  Job job(registry, k_id);
  job.environment["PROGRESS_INTERVAL"] = "0";
  job.environment["MAX_RETRIES"] = "2";
  job.environment["RETRY_DELAY"] = "1ms";
  job.environment["HF_TOKEN"] = "hf_of-somebody-else";
  failure.prepare(job, registry);
  const auto text = places_of(job, registry).apply(log_of({}, job.environment));
  CHECK(text.find("exit status 0\n") == std::string::npos);
  page.add({failure.name, failure.title, failure.command, text});
}

void add_refusals(ScreensPage& page) {
  add_failure(page, {.name = "usage",
                     .title = "A mistake in the configuration (2)",
                     .command = "CONNECTIONS=many " + k_start,
                     .prepare = [](Job& job, mock::Registry&) {
                       job.environment["CONNECTIONS"] = "many";
                     }});
  add_failure(page, {.name = "gated",
                     .title = "A gated model (3)",
                     .prepare = [](Job& job, mock::Registry& registry) {
                       auto gated = model();
                       gated.gated = true;
                       registry.add(gated);
                       static_cast<void>(job);
                     }});
  add_failure(page, {.name = "no-token",
                     .title = "A private model, and no token (3)",
                     .prepare = [](Job& job, mock::Registry& registry) {
                       auto hidden = model();
                       hidden.is_private = true;
                       registry.add(hidden);
                       job.environment["HF_TOKEN"] = "";
                     }});
  add_failure(page, {.name = "not-found",
                     .title = "A revision that does not exist (4)",
                     .command = "REPO_VERSION=v99 " + k_start,
                     .prepare = [](Job& job, mock::Registry&) {
                       job.environment["REPO_VERSION"] = "v99";
                     }});
}

void add_content(ScreensPage& page) {
  add_failure(page, {.name = "wrong-content",
                     .title = "Content that is wrong, also when fetched again (5)",
                     .prepare = [](Job&, mock::Registry& registry) {
                       registry.set_fault_hook([](const mock::RequestInfo&) {
                         mock::Fault fault;
                         fault.edits.push_back({mock::Fault::Edit::Kind::flip, 1'000'000, 1});
                         return fault;
                       });
                     }});
}

void add_volume(ScreensPage& page) {
  add_failure(page, {.name = "storage",
                     .title = "A volume that does not take it (6)",
                     .prepare = [](Job& job, mock::Registry&) {
                       write_file(job.mount() / "model-files", "not a directory");
                     }});
  const std::string full = "A volume that is full (7)";
  mock::Registry registry(over_tls());
  registry.add(model());
  Job job(registry, k_id);
  job.environment["PROGRESS_INTERVAL"] = "0";
  if (::geteuid() == 0 && ::mount("tmpfs", job.mount().c_str(), "tmpfs", 0, "size=8m") == 0) {
    page.add(
        {"no-space", full, k_start, places_of(job, registry).apply(log_of({}, job.environment))});
    ::umount(job.mount().c_str());
  } else {
    page.keep("no-space", full, k_start);
  }
}

void add_busy(ScreensPage& page) {
  mock::Registry registry(over_tls());
  registry.add(model());
  registry.set_fault_hook([](const mock::RequestInfo& request) {
    mock::Fault fault;
    if (request.kind == mock::RequestKind::content) {
      fault.stall_after_body_bytes = 1'000'000;
    }
    return fault;
  });
  Job job(registry, k_id);
  auto first = job.start();
  REQUIRE(registry.wait_for_content_bytes(500'000, 60s));
  job.environment["LOCK_WAIT"] = "1s";
  page.add({"busy", "Another run works on the volume (8)", "LOCK_WAIT=1s " + k_start,
            places_of(job, registry).apply(log_of({}, job.environment))});
}

void add_network(ScreensPage& page) {
  add_failure(page,
              {.name = "network",
               .title = "A network that is gone (75)",
               .command = "MAX_RETRIES=2 " + k_start,
               .prepare = [](Job&, mock::Registry& registry) { registry.down(mock::Host::hub); }});
  add_failure(
      page, {.name = "certificate",
             .title = "A certificate that nobody vouches for (75)",
             .prepare = [](Job& job, mock::Registry&) { job.environment.erase("SSL_CERT_FILE"); }});
  add_failure(page, {.name = "server-errors",
                     .title = "A server that is out of order, to the end of all retries (75)",
                     .command = "MAX_RETRIES=2 " + k_start,
                     .prepare = [](Job&, mock::Registry& registry) {
                       registry.set_fault_hook([](const mock::RequestInfo& request) {
                         mock::Fault fault;
                         if (request.kind == mock::RequestKind::content) {
                           fault.answer = mock::text_response(503, "out of order", "text/plain");
                         }
                         return fault;
                       });
                     }});
}

// Stopped while it asks: there is nothing to save.
void add_interrupted(ScreensPage& page) {
  mock::Registry registry(over_tls());
  registry.add(model());
  registry.set_fault_hook([](const mock::RequestInfo&) {
    mock::Fault fault;
    fault.stall_before_head = true;
    return fault;
  });
  const Job job(registry, k_id);
  TerminalProcess process(command_line({"resolve"}), on_a_pipe(job.environment), {.columns = 9999});
  REQUIRE(registry.wait_for_request([](const mock::RequestRecord&) { return true; }, 60s));
  process.send_signal(SIGINT);
  page.add({"interrupted", "A question that is interrupted (130); of a download, see above (143)",
            "nai-model-processor resolve --repo-id acme/llama-8b",
            places_of(job, registry).apply(log_of(process))});
}

}  // namespace

void add_failures(ScreensPage& page) {
  page.section("When it fails, by exit status",
               "The termination message has the same words as the end of the log.");
  add_refusals(page);
  add_content(page);
  add_volume(page);
  add_busy(page);
  add_network(page);
  add_interrupted(page);
}

}  // namespace nai::test
