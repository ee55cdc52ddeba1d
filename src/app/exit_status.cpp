// SPDX-License-Identifier: Apache-2.0
#include "app/exit_status.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>

#include <fmt/format.h>

namespace nai::app {

namespace {

using util::ErrorKind;

struct Row {
  ErrorKind kind;
  int exit_status;
  std::string_view name;
  std::string_view headline;
  std::string_view hint;
};

constexpr std::string_view k_continues =
    "What was fetched is kept, the next run continues from there.";

constexpr std::string_view k_no_result =
    "Nothing was fetched, and the model's files are as they were; run it again for an answer.";

constexpr std::array k_rows{
    Row{ErrorKind::internal, 1, "internal", "Internal error",
        "This is a defect of nai-model-processor: please report it with this log."},
    Row{ErrorKind::usage, 2, "usage", "Configuration error",
        "Correct the settings of the Job; nai-model-processor --help explains each."},
    Row{ErrorKind::unauthorized, 3, "unauthorized", "Token unauthorized",
        "Check that the token is valid and that its owner was granted access to the model."},
    Row{ErrorKind::not_found, 4, "not_found", "Model not found",
        "Check REPO_ID and REPO_VERSION against the model's page."},
    Row{ErrorKind::content_mismatch, 5, "content_mismatch", "Model content is wrong",
        "Files that were verified are kept. Report it to the owner of the repository or of the "
        "mirror."},
    Row{ErrorKind::storage, 6, "storage", "Volume error",
        "Check the volume and its server: mounted, writable for this user, healthy. What was "
        "fetched is kept, the next run continues from there."},
    Row{ErrorKind::no_space, 7, "no_space", "Not enough space on the volume",
        "Enlarge the volume or its quota. What was fetched is kept, the next run continues from "
        "there."},
    Row{ErrorKind::volume_busy, 8, "volume_busy", "Volume in use by another run",
        "Look for another Job on the same volume claim."},
    // The sentence that the product's users know.
    Row{ErrorKind::temporary, 75, "temporary", "Hugging Face Network connection Issue",
        k_continues},
    Row{ErrorKind::interrupted, 130, "interrupted", "Interrupted", k_continues},
};

const Row& row_of(ErrorKind kind) {
  const auto* row =
      std::find_if(k_rows.begin(), k_rows.end(), [&](const Row& r) { return r.kind == kind; });
  return row == k_rows.end() ? k_rows.front() : *row;
}

// Texts that reproduce the Hub's own have to stay as they are.
bool is_documented(std::string_view message) {
  return message.starts_with("Token unauthorized to access") ||
         message.starts_with("Hugging Face Repo not found") ||
         message.starts_with(row_of(ErrorKind::temporary).headline);
}

std::string_view signal_name(int signal) { return signal == SIGINT ? "SIGINT" : "SIGTERM"; }

}  // namespace

std::string name_of(ErrorKind kind) { return std::string(row_of(kind).name); }

Failure describe_failure(const util::Error& error, Interruption interruption) {
  const Row& row = row_of(error.kind());
  const std::string_view message = error.what();
  const std::string_view hint = error.advice().empty() ? row.hint : error.advice();
  if (error.kind() == ErrorKind::interrupted && interruption.signal != 0) {
    return {.kind = row.kind,
            .exit_status = 128 + interruption.signal,
            .text = fmt::format("{} by {}: {}\n{}", row.headline, signal_name(interruption.signal),
                                interruption.saves_state ? "state saved" : "there is no result",
                                interruption.saves_state ? row.hint : k_no_result)};
  }
  if (is_documented(message)) {
    return {.kind = row.kind, .exit_status = row.exit_status, .text = std::string(message)};
  }
  // The platform shows this sentence by itself, so the cause goes below it.
  const auto* separator = error.kind() == ErrorKind::temporary ? "\n" : ": ";
  return {.kind = row.kind,
          .exit_status = row.exit_status,
          .text = fmt::format("{}{}{}\n{}", row.headline, separator, message, hint)};
}

}  // namespace nai::app
