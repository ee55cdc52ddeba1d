// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/storage/local_metadata.hpp>
#include <nai/storage/record.hpp>
#include <nai/storage/volume.hpp>
#include <nai/transfer/verification.hpp>
#include <nai/util/error.hpp>
#include <nai/util/units.hpp>

#include "app/commands/commands.hpp"
#include "app/hold_volume.hpp"
#include "app/make_source.hpp"
#include "app/nim.hpp"
#include "app/reporter.hpp"

namespace nai::app {

namespace {

using std::chrono::milliseconds;
using transfer::FileVerdict;

// More would not fit into a termination message.
constexpr std::size_t k_max_named = 5;

// What should be on the volume, and who says so.
struct Expectation {
  std::string authority;  // "the completion record of 2026-03-01T12:34:56Z"
  std::string source;
  std::string revision;
  std::vector<storage::FileIdentity> files;
  storage::Arrangement arrangement;
};

struct Problem {
  std::string path;
  std::string_view state;  // "wrong", "missing", "unreadable", "changed"
  std::string found;
  std::optional<storage::FileIdentity> file = std::nullopt;
  std::vector<util::ByteRange> damaged = {};  // where it is wrong; empty when that is not known
};

std::string_view name_of(FileVerdict verdict) {
  switch (verdict) {
    case FileVerdict::right:
      return "right";
    case FileVerdict::wrong:
      return "wrong";
    case FileVerdict::missing:
      return "missing";
    case FileVerdict::unreadable:
      return "unreadable";
  }
  return "wrong";
}

std::uint64_t bytes_in(const std::vector<util::ByteRange>& ranges) {
  std::uint64_t sum = 0;
  for (const auto& range : ranges) {
    sum += range.length;
  }
  return sum;
}

// "; damaged in bytes 0-16777215"
std::string where(const std::vector<util::ByteRange>& damaged) {
  if (damaged.empty()) {
    return {};
  }
  std::string text = "; damaged in bytes ";
  for (std::size_t i = 0; i < std::min(damaged.size(), k_max_named); ++i) {
    text += fmt::format("{}{}-{}", i == 0 ? "" : ", ", damaged[i].offset, damaged[i].end() - 1);
  }
  return text + (damaged.size() > k_max_named ? ", ..." : "");
}

class Verify {
 public:
  Verify(const Config& config, Session& session)
      : m_config(config),
        m_session(session),
        m_console(session.console),
        m_volume(config.output_mount, session.console) {}

  int run();

 private:
  [[nodiscard]] Expectation expectation();
  [[nodiscard]] std::optional<Expectation> from_record();
  [[nodiscard]] Expectation from_source();
  [[nodiscard]] Expectation listed_by(source::Source& source);
  void check_record_fits(const storage::Record& record) const;

  void read(const Expectation& expected);
  void find_extra(const Expectation& expected);
  void tell(const Expectation& expected) const;
  [[nodiscard]] std::string document(const Expectation& expected) const;
  void remove_wrong();
  [[nodiscard]] int repair(const Expectation& expected);
  [[nodiscard]] util::Error failure(const Expectation& expected) const;

  const Config& m_config;
  Session& m_session;
  Console& m_console;
  storage::Volume m_volume;
  std::vector<Problem> m_problems;
  std::vector<std::string> m_extra;
  milliseconds m_taken{0};
};

int Verify::run() {
  m_volume.check_mount();
  const bool repairs = m_config.options.repair;
  if (repairs && m_config.repository.empty()) {
    throw util::Error(util::ErrorKind::usage,
                      "REPO_ID (--repo-id) is not set: --repair has to know where to fetch from");
  }
  std::stop_source stop = m_session.stop;
  auto lock = repairs ? hold_volume(m_volume, m_config, m_session,
                                    [stop](const util::Error&) mutable { stop.request_stop(); })
                      : nullptr;
  const Expectation expected = expectation();
  read(expected);
  find_extra(expected);
  tell(expected);
  if (m_problems.empty()) {
    return 0;
  }
  if (!repairs) {
    throw failure(expected);
  }
  if (!lock->confirm()) {
    throw util::Error(util::ErrorKind::volume_busy,
                      "another run took the volume over; nothing was removed");
  }
  remove_wrong();
  lock.reset();
  return repair(expected);
}

Expectation Verify::expectation() {
  if (!m_config.options.against_source) {
    if (auto recorded = from_record()) {
      return *std::move(recorded);
    }
  }
  if (m_config.repository.empty()) {
    throw util::Error(util::ErrorKind::usage,
                      "REPO_ID (--repo-id) is not set, and there is no completion record on the "
                      "volume: one of them has to tell what should be there");
  }
  return from_source();
}

std::optional<Expectation> Verify::from_record() {
  const auto record = storage::load_record(m_volume.layout().record(), m_console);
  if (!record) {
    return std::nullopt;
  }
  check_record_fits(*record);
  Expectation expected{.authority = "the completion record of " + record->completed_at,
                       .source = record->source,
                       .revision = record->revision,
                       .files = {},
                       .arrangement = record->arrangement};
  for (const auto& file : record->files) {
    expected.files.push_back({file.path, file.size, file.digest});
  }
  return expected;
}

void Verify::check_record_fits(const storage::Record& record) const {
  if (!m_config.repository.empty() && record.source != source_name(m_config)) {
    throw util::Error(util::ErrorKind::usage,
                      fmt::format("the volume holds {}, and REPO_ID (--repo-id) asks for {}",
                                  record.source, source_name(m_config)));
  }
  if (m_config.options.repair && record.selection != selection_name(m_config)) {
    throw util::Error(
        util::ErrorKind::usage,
        fmt::format("the volume was filled with the selection {}, and the "
                    "configuration says {}: expected the same",
                    record.selection.empty() ? "by the rule" : record.selection,
                    selection_name(m_config).empty() ? "by the rule" : selection_name(m_config)));
  }
}

Expectation Verify::from_source() {
  const auto client = make_client(m_config, m_console);
  if (m_config.provider == Provider::nim) {
    NoStore store;
    return listed_by(*make_nim(m_config, *client, m_session.clock, m_console, store));
  }
  return listed_by(*make_source(m_config, *client, m_session.clock, m_console));
}

Expectation Verify::listed_by(source::Source& source) {
  const auto stop = m_session.stop.get_token();
  Expectation expected{.authority = "what the source lists",
                       .source = source_name(m_config),
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

void Verify::read(const Expectation& expected) {
  std::uint64_t bytes = 0;
  for (const auto& file : expected.files) {
    bytes += file.size;
  }
  const bool json = m_config.options.json;
  if (!json) {
    m_console.announce(
        "verify_started",
        fmt::format("Verifying {} files, {}, of {} with version {} against {}",
                    expected.files.size(), util::format_bytes(bytes), expected.source,
                    expected.revision, expected.authority),
        {{"source", expected.source}, {"revision", expected.revision}, {"bytes", bytes}});
  }
  transfer::Progress progress;
  const Reporter reporter(
      progress, m_console, m_session.clock,
      json ? std::optional(milliseconds(0)) : m_config.output.progress_interval);
  const auto results =
      transfer::verify(m_volume, expected.files, std::thread::hardware_concurrency(), progress,
                       m_session.stop.get_token());
  m_taken = reporter.elapsed();
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].verdict != FileVerdict::right) {
      m_problems.push_back({expected.files[i].path, name_of(results[i].verdict),
                            results[i].found + where(results[i].damaged), expected.files[i],
                            results[i].damaged});
    }
  }
  if (!storage::is_arranged(m_volume.layout(), expected.arrangement)) {
    m_problems.push_back({"(links to the files)", "changed", "other links or references"});
  }
}

// Files that nobody lists do no harm by themselves, so they are told and left.
void Verify::find_extra(const Expectation& expected) {
  std::set<std::string> known;
  for (const auto& file : expected.files) {
    known.insert(file.path);
  }
  for (const auto& link : expected.arrangement.links) {
    known.insert(link.path);
  }
  for (const auto& text : expected.arrangement.texts) {
    known.insert(text.path);
  }
  const auto root = m_volume.layout().model_files();
  std::error_code problem;
  std::filesystem::recursive_directory_iterator entries(root, problem);
  for (const std::filesystem::recursive_directory_iterator end; !problem && entries != end;
       entries.increment(problem)) {
    const bool is_directory =
        entries->symlink_status(problem).type() == std::filesystem::file_type::directory;
    auto path = entries->path().lexically_relative(root).string();
    // What NFS keeps of removed files that are still open.
    const bool is_leftover = entries->path().filename().string().starts_with(".nfs");
    if (!is_directory && !is_leftover && !known.contains(path) &&
        !storage::is_local_metadata(path)) {
      m_extra.push_back(std::move(path));
    }
  }
}

void Verify::tell(const Expectation& expected) const {
  if (m_config.options.json) {
    m_console.document(document(expected));
    return;
  }
  for (const Problem& problem : m_problems) {
    m_console.announce(
        "file_problem", fmt::format("{}: {}: found {}", problem.state, problem.path, problem.found),
        {{"state", std::string(problem.state)}, {"path", problem.path}, {"found", problem.found}});
  }
  for (const std::string& path : m_extra) {
    m_console.announce("file_extra",
                       fmt::format("extra: {}: does not belong to the model, and stays", path),
                       {{"path", path}});
  }
  std::uint64_t bytes = 0;
  for (const auto& file : expected.files) {
    bytes += file.size;
  }
  const double seconds = std::max(0.001, std::chrono::duration<double>(m_taken).count());
  m_console.announce(
      "verified",
      fmt::format(
          "Verified: {} files, {} in {} ({}) - {}", expected.files.size(),
          util::format_bytes(bytes),
          util::format_duration(std::chrono::ceil<std::chrono::seconds>(m_taken)),
          util::format_rate(static_cast<double>(bytes) / seconds),
          m_problems.empty() ? "all right" : fmt::format("{} not right", m_problems.size())),
      {{"files", std::uint64_t{expected.files.size()}},
       {"bytes", bytes},
       {"problems", std::uint64_t{m_problems.size()}},
       {"seconds", seconds}});
}

std::string Verify::document(const Expectation& expected) const {
  using Json = nlohmann::ordered_json;
  Json json{{"format", 1},
            {"source", expected.source},
            {"revision", expected.revision},
            {"against", expected.authority},
            {"files", expected.files.size()},
            {"problems", Json::array()},
            {"extra", m_extra}};
  for (const Problem& problem : m_problems) {
    json["problems"].push_back(
        {{"path", problem.path}, {"state", problem.state}, {"found", problem.found}});
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// The record goes first, so that nobody takes the volume for complete meanwhile. A run that ends
// here leaves a volume that any download completes.
void Verify::remove_wrong() {
  m_volume.begin_changes();
  for (const Problem& problem : m_problems) {
    if (problem.state != "wrong" && problem.state != "unreadable") {
      continue;
    }
    if (problem.file && m_volume.take_back(*problem.file, problem.damaged)) {
      m_console.announce("file_taken_back",
                         fmt::format("taken back: {}, to fetch {} of it", problem.path,
                                     util::format_bytes(bytes_in(problem.damaged))),
                         {{"path", problem.path}, {"bytes", bytes_in(problem.damaged)}});
      continue;
    }
    const auto path = m_volume.layout().model_file(problem.path);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      throw util::storage_error(fmt::format("cannot remove {}", path.string()), errno);
    }
    m_console.announce("file_removed", fmt::format("removed: {}", problem.path),
                       {{"path", problem.path}});
  }
  m_volume.note_end();  // nobody writes to what was taken back
}

// A download of the same version fetches what is missing now, and nothing else.
int Verify::repair(const Expectation& expected) {
  Config config = m_config;
  if (config.provider == Provider::hugging_face) {
    config.revision = expected.revision;
  } else {
    config.image_digest = expected.revision;
  }
  return run_download(config, m_session);
}

util::Error Verify::failure(const Expectation& expected) const {
  std::string named;
  for (std::size_t i = 0; i < std::min(m_problems.size(), k_max_named); ++i) {
    named += fmt::format("{}{} is {}", i == 0 ? "" : ", ", m_problems[i].path, m_problems[i].state);
  }
  if (m_problems.size() > k_max_named) {
    named += fmt::format(" and {} more", m_problems.size() - k_max_named);
  }
  return util::Error(util::ErrorKind::content_mismatch,
                     fmt::format("{} of {} files are not as {} says: {}", m_problems.size(),
                                 expected.files.size(), expected.authority, named))
      .with_advice(
          "What to do: nai-model-processor verify --repair removes what is wrong and fetches it "
          "again; if files go wrong repeatedly, look at the volume's disks and server.");
}

}  // namespace

int run_verify(const Config& config, Session& session) { return Verify(config, session).run(); }

}  // namespace nai::app
