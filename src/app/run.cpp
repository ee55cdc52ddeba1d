// SPDX-License-Identifier: Apache-2.0
#include <nai/app/run.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <nai/util/clock.hpp>
#include <nai/util/error.hpp>

#include "app/commands/commands.hpp"
#include "app/config.hpp"
#include "app/exit_status.hpp"
#include "app/help.hpp"
#include "app/line_writer.hpp"
#include "app/log.hpp"
#include "app/session.hpp"
#include "app/signals.hpp"
#include "app/termination.hpp"

namespace nai::app {

namespace {

using util::Error;
using util::ErrorKind;

// Less than the 5 s within which a signal ends the process.
constexpr std::chrono::milliseconds k_last_resort{4'500};

// Any exception as the one type that has an exit status.
Error as_error(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {ErrorKind::internal, "out of memory; raise the container's memory limit"};
  } catch (const std::filesystem::filesystem_error& error) {
    return util::storage_error(error.path1().string(), error.code().value());
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::resource_unavailable_try_again) {
      return {ErrorKind::internal, error.what()};
    }
    return Error(ErrorKind::internal, fmt::format("cannot start a thread: {}", error.what()))
        .with_advice(
            "What to do: raise the number of processes and threads (pids) that the container may "
            "have, or give it a node where fewer run.");
  } catch (const std::exception& error) {
    return {ErrorKind::internal, error.what()};
  } catch (...) {
    return {ErrorKind::internal, "an exception of an unknown type"};
  }
}

// Tells a failure in every place where it is looked for; returns the exit status.
int report(const Failure& failure, Console& console, const OutputConfig& output) {
  const auto problem = write_termination_message(
      output.termination_file, output.termination_file_named, console.presentable(failure.text));
  if (!problem.empty()) {
    console.warning("termination_message_lost", "the termination message is lost: " + problem);
  }
  console.fail(failure.text, {{"kind", name_of(failure.kind)},
                              {"exit_status", static_cast<std::uint64_t>(failure.exit_status)}});
  return failure.exit_status;
}

// A file that is opened while standard output is closed would become standard output, and the log
// its content.
void occupy_standard_descriptors() {
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) {
      continue;
    }
    // The lowest number that is free is this one.
    if (::open("/dev/null", O_RDWR) < 0) {
      static_cast<void>(::open("/", O_RDONLY | O_DIRECTORY));
    }
  }
}

// The memory of a crash holds the token; nothing may write it into a file.
void forbid_core_files() {
  const rlimit none{0, 0};
  static_cast<void>(::setrlimit(RLIMIT_CORE, &none));
}

int run_command(const Config& config, Session& session) {
  const auto command =
      std::find_if(commands().begin(), commands().end(),
                   [&](const Command& candidate) { return candidate.name == config.command; });
  return command->run(config, session);
}

int run_reported(std::span<const char* const> arguments, const Environment& environment) {
  const OutputConfig output = load_output_config(arguments, environment);
  util::SystemClock clock;
  Console console(output, clock);
  for (auto& secret : secrets_in(environment)) {
    console.hide(std::move(secret));
  }
  Interruption interruption;
  try {
    const Config config = load_config(arguments, environment);
    if (config.show_help || config.show_version) {
      LineWriter(STDOUT_FILENO).write(config.show_help ? help_text() : version_text());
      return 0;
    }
    console.hide(config.hub_token.value);
    console.hide(config.ngc_key.value);
    console.hide(config.registry_password.value);

    Session session{.console = console, .clock = clock, .stop = {}};
    interruption.saves_state = brings_content(config);
    const auto give_up = [&, saves_state = interruption.saves_state](int received) {
      console.warning("not_stopping",
                      fmt::format("the run does not stop, most likely because the volume does not "
                                  "answer; it ends here{}",
                                  saves_state ? ", and the state saved last is what the next run "
                                                "continues from"
                                              : ""));
      std::_Exit(report(describe_failure(Error(ErrorKind::interrupted, "interrupted"),
                                         {.signal = received, .saves_state = saves_state}),
                        console, output));
    };
    const SignalWatch signals(
        {.stop = session.stop,
         .stopping = interruption.saves_state ? "saving the state and stopping" : "stopping",
         .overdue = give_up,
         .last_resort = k_last_resort},
        console);
    try {
      return run_command(config, session);
    } catch (...) {
      interruption.signal = signals.received();
      throw;
    }
  } catch (...) {
    return report(describe_failure(as_error(std::current_exception()), interruption), console,
                  output);
  }
}

}  // namespace

int run(std::span<const char* const> arguments, const char* const* environment) noexcept {
  try {
    occupy_standard_descriptors();
    block_signals();
    forbid_core_files();
    return run_reported(arguments, read_environment(environment));
  } catch (...) {
    // Not even the means of telling it could be set up.
    LineWriter(STDERR_FILENO).write("Internal error: cannot start\n");
    return 1;
  }
}

}  // namespace nai::app
