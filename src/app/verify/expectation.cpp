// SPDX-License-Identifier: Apache-2.0
#include "app/verify/expectation.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include <nai/storage/record.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>

#include "app/make_source.hpp"
#include "app/nim.hpp"

namespace nai::app {

namespace {

std::string selection_in_words(const std::string& selection) {
  return selection.empty() ? "by the rule" : selection;
}

void check_record_fits(const storage::Record& record, const Config& config) {
  if (!config.repository.empty() && record.source != source_name(config)) {
    throw util::Error(util::ErrorKind::usage,
                      fmt::format("the volume holds {}, and REPO_ID (--repo-id) asks for {}",
                                  record.source, source_name(config)));
  }
  if (config.options.repair && record.selection != selection_name(config)) {
    throw util::Error(util::ErrorKind::usage,
                      fmt::format("the volume was filled with the selection {}, and the "
                                  "configuration says {}: expected the same",
                                  selection_in_words(record.selection),
                                  selection_in_words(selection_name(config))));
  }
}

std::optional<Expectation> from_record(const storage::Volume& volume, const Config& config,
                                       Session& session) {
  const auto record = storage::load_record(volume.layout().record(), session.console);
  if (!record) {
    return std::nullopt;
  }
  check_record_fits(*record, config);
  Expectation expected{.authority = "the completion record of " + record->completed_at,
                       .source = record->source,
                       .revision = record->revision,
                       .completed_at = record->completed_at,
                       .files = {},
                       .arrangement = record->arrangement};
  for (const auto& file : record->files) {
    expected.files.push_back({file.path, file.size, file.digest});
  }
  return expected;
}

Expectation listed_by(source::Source& source, const Config& config, const Session& session) {
  const auto stop = session.stop.get_token();
  Expectation expected{.authority = "what the source lists",
                       .source = source_name(config),
                       .revision = source.resolve(stop),
                       .files = {},
                       .arrangement = {}};
  const auto manifest = source.list(stop);
  for (const auto& file : manifest.artifacts) {
    expected.files.push_back({file.path, file.size, file.digest});
  }
  expected.arrangement = arrangement_of(manifest);
  return expected;
}

Expectation from_source(const Config& config, Session& session) {
  const auto client = make_client(config, session.console);
  if (config.provider == Provider::nim) {
    NoStore store;
    return listed_by(*make_nim(config, *client, session.clock, session.console, store), config,
                     session);
  }
  return listed_by(*make_source(config, *client, session.clock, session.console), config, session);
}

}  // namespace

Expectation expected_on(const storage::Volume& volume, const Config& config, Session& session) {
  if (!config.options.against_source) {
    if (auto recorded = from_record(volume, config, session)) {
      return *std::move(recorded);
    }
  }
  if (config.repository.empty()) {
    const bool damaged =
        !config.options.against_source && util::stat_path(volume.layout().record()).has_value();
    throw util::Error(
        util::ErrorKind::usage,
        fmt::format("REPO_ID (--repo-id) is not set, and {}: one of them has to tell what should "
                    "be there",
                    damaged ? "the completion record on the volume cannot be used"
                            : "there is no completion record on the volume"));
  }
  return from_source(config, session);
}

bool still_stands(const Expectation& expected, const storage::Volume& volume, Session& session) {
  if (expected.completed_at.empty()) {
    return true;
  }
  const auto record = storage::load_record(volume.layout().record(), session.console);
  return record && record->completed_at == expected.completed_at &&
         record->revision == expected.revision;
}

}  // namespace nai::app
