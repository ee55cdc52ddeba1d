// SPDX-License-Identifier: Apache-2.0
#include "app/verify/report.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/util/units.hpp>

namespace nai::app {

namespace {

using transfer::FileVerdict;

// More would not fit into a termination message.
constexpr std::size_t k_max_named = 5;

double seconds_of(const VerifyFindings& findings) {
  return std::max(0.001, std::chrono::duration<double>(findings.taken).count());
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

bool tells_nothing(const Problem& problem) {
  return problem.verdict == FileVerdict::unreadable || problem.verdict == FileVerdict::changed;
}

std::string named(const std::vector<Problem>& problems) {
  std::string text;
  for (std::size_t i = 0; i < std::min(problems.size(), k_max_named); ++i) {
    text += fmt::format("{}{} is {}", i == 0 ? "" : ", ", problems[i].path,
                        name_of(problems[i].verdict));
  }
  if (problems.size() > k_max_named) {
    text += fmt::format(" and {} more", problems.size() - k_max_named);
  }
  return text;
}

}  // namespace

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
    case FileVerdict::changed:
      return "changed";
  }
  return "wrong";
}

std::uint64_t total_bytes(const std::vector<storage::FileIdentity>& files) {
  return std::accumulate(
      files.begin(), files.end(), std::uint64_t{0},
      [](std::uint64_t sum, const storage::FileIdentity& file) { return sum + file.size; });
}

std::uint64_t total_bytes(const std::vector<util::ByteRange>& ranges) {
  return std::accumulate(
      ranges.begin(), ranges.end(), std::uint64_t{0},
      [](std::uint64_t sum, const util::ByteRange& range) { return sum + range.length; });
}

void tell(const VerifyFindings& findings, const Expectation& expected, Console& console) {
  for (const Problem& problem : findings.problems) {
    const std::string state(name_of(problem.verdict));
    const std::string found = problem.found + where(problem.damaged);
    console.announce("file_problem",
                     fmt::format("{}: {}: {}{}", state, problem.path,
                                 problem.verdict == FileVerdict::unreadable ? "" : "found ", found),
                     {{"state", state}, {"path", problem.path}, {"found", found}});
  }
  for (const std::string& path : findings.extra) {
    console.announce("file_extra",
                     fmt::format("extra: {}: does not belong to the model, and stays", path),
                     {{"path", path}});
  }
  const std::uint64_t bytes = total_bytes(expected.files);
  const std::size_t problems = findings.problems.size();
  console.announce(
      "verified",
      fmt::format(
          "Verified: {} files, {} in {} ({}) - {}", expected.files.size(),
          util::format_bytes(bytes),
          util::format_duration(std::chrono::ceil<std::chrono::seconds>(findings.taken)),
          util::format_rate(static_cast<double>(findings.bytes_read) / seconds_of(findings)),
          problems == 0 ? "all right" : fmt::format("{} not right", problems)),
      {{"files", std::uint64_t{expected.files.size()}},
       {"bytes", bytes},
       {"problems", std::uint64_t{problems}},
       {"seconds", seconds_of(findings)}});
}

std::string document(const VerifyFindings& findings, const Expectation& expected) {
  using Json = nlohmann::ordered_json;
  Json json{{"format", 1},
            {"source", expected.source},
            {"revision", expected.revision},
            {"against", expected.authority},
            {"files", expected.files.size()},
            {"bytes", total_bytes(expected.files)},
            {"seconds", seconds_of(findings)},
            {"problems", Json::array()},
            {"extra", findings.extra}};
  for (const Problem& problem : findings.problems) {
    Json entry{{"path", problem.path},
               {"state", name_of(problem.verdict)},
               {"found", problem.found},
               {"damaged", Json::array()}};
    for (const auto& range : problem.damaged) {
      entry["damaged"].push_back({{"offset", range.offset}, {"length", range.length}});
    }
    json["problems"].push_back(std::move(entry));
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

util::Error failure(const VerifyFindings& findings, const Expectation& expected) {
  const auto& problems = findings.problems;
  if (std::all_of(problems.begin(), problems.end(), tells_nothing)) {
    return util::Error(
               util::ErrorKind::storage,
               fmt::format("{} of {} files could not be compared with {}: {}; the first: {}",
                           problems.size(), expected.files.size(), expected.authority,
                           named(problems), problems.front().found))
        .with_advice(
            "What to do: run verify again when the volume answers and nothing else writes to it; "
            "with --repair it fetches what stays unreadable.");
  }
  return util::Error(util::ErrorKind::content_mismatch,
                     fmt::format("{} of {} files are not as {} says: {}", problems.size(),
                                 expected.files.size(), expected.authority, named(problems)))
      .with_advice(
          "What to do: nai-model-processor verify --repair removes what is wrong and fetches it "
          "again; if files go wrong repeatedly, look at the volume's disks and server.");
}

}  // namespace nai::app
