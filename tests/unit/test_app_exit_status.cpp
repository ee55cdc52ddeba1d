// SPDX-License-Identifier: Apache-2.0
#include "app/exit_status.hpp"

#include <csignal>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace {

using namespace nai::app;
using nai::util::Error;
using enum nai::util::ErrorKind;
using Catch::Matchers::StartsWith;

}  // namespace

TEST_CASE("Every kind of failure has its exit status and a short first line", "[app]") {
  struct Row {
    nai::util::ErrorKind kind;
    int exit_status;
    const char* name;
    const char* text;
  };
  for (const auto& [kind, exit_status, name, text] : std::vector<Row>{
           {internal, 1, "internal", "Internal error: it broke\n"},
           {usage, 2, "usage", "Configuration error: it broke\n"},
           {unauthorized, 3, "unauthorized", "Token unauthorized: it broke\n"},
           {not_found, 4, "not_found", "Model not found: it broke\n"},
           {content_mismatch, 5, "content_mismatch", "Model content is wrong: it broke\n"},
           {storage, 6, "storage", "Volume error: it broke\n"},
           {no_space, 7, "no_space", "Not enough space on the volume: it broke\n"},
           {volume_busy, 8, "volume_busy", "Volume in use by another run: it broke\n"},
           {temporary, 75, "temporary", "Hugging Face Network connection Issue\nit broke\n"},
           {interrupted, 130, "interrupted", "Interrupted: it broke\n"},
       }) {
    const auto failure = describe_failure(Error(kind, "it broke"));
    CHECK(failure.kind == kind);
    CHECK(failure.exit_status == exit_status);
    CHECK(name_of(kind) == name);
    CHECK_THAT(failure.text, StartsWith(text));
    // Something to do about it.
    CHECK(failure.text.size() > std::string(text).size() + 20);
    CHECK(failure.text.ends_with('.'));
  }
}

TEST_CASE("A signal decides how an interrupted run ends, and nothing else", "[app]") {
  const Error stopped(interrupted, "interrupted");
  CHECK(describe_failure(stopped, {.signal = SIGINT}).exit_status == 130);
  CHECK(describe_failure(stopped, {.signal = SIGTERM}).exit_status == 143);
  CHECK_THAT(describe_failure(stopped, {.signal = SIGTERM}).text,
             StartsWith("Interrupted by SIGTERM: state saved\n"));
  const auto without_result =
      describe_failure(stopped, {.signal = SIGTERM, .saves_state = false}).text;
  CHECK_THAT(without_result, StartsWith("Interrupted by SIGTERM: there is no result\n"));
  CHECK(without_result.find("saved") == std::string::npos);
  CHECK(without_result.find("kept") == std::string::npos);
  CHECK(describe_failure(Error(no_space, "x"), {.signal = SIGTERM}).exit_status == 7);
}

TEST_CASE("Documented texts stay as they are", "[app]") {
  const std::string gated =
      "Token unauthorized to access Hugging Face Repo: 403 Client Error. (Request ID: 1)\n\n"
      "Cannot access gated repo for url https://huggingface.co/api/models/a/b/commits/main.\n"
      "Access to model a/b is restricted and you are not in the authorized list. Visit "
      "https://huggingface.co/a/b to ask for access.";
  CHECK(describe_failure(Error(unauthorized, gated)).text == gated);
  const std::string missing = "Hugging Face Repo not found: 404 Client Error.\n\nx";
  CHECK(describe_failure(Error(not_found, missing)).text == missing);
  const std::string network = "Hugging Face Network connection Issue: x";
  CHECK(describe_failure(Error(temporary, network)).text == network);
}
