// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/record.hpp>

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "record_json.hpp"

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>
#include <nai/util/json.hpp>
#include <nai/util/text.hpp>

namespace nai::storage {

namespace {

constexpr std::uint64_t k_record_format = 1;
// 200 bytes and 5 values a file, and room for half a million files. What is larger is not believed:
// the files are read again then.
constexpr std::size_t k_max_record_bytes = std::size_t{128} << 20U;
constexpr std::size_t k_max_record_values = 4'000'000;

// Others may write to the volume too, and what is recorded is read, replaced and removed.
bool stays_below(std::string_view path) {
  const auto segments = util::split(path, '/');
  return path.find('\0') == std::string_view::npos &&
         std::none_of(segments.begin(), segments.end(), [](std::string_view segment) {
           return segment.empty() || segment == "." || segment == "..";
         });
}

// What an older program wrote has none.
Arrangement arrangement_from_json(const nlohmann::json& json) {
  Arrangement arrangement;
  const auto each = [&](const char* name, const auto& take) {
    const nlohmann::json* list = util::member(json, name);
    for (const nlohmann::json& entry :
         list != nullptr && list->is_array() ? *list : nlohmann::json::array()) {
      if (auto path = util::string_member(entry, "path"); path && stays_below(*path)) {
        take(*std::move(path), entry);
      }
    }
  };
  each("links", [&](std::string path, const nlohmann::json& entry) {
    arrangement.links.push_back(
        {std::move(path), util::string_member(entry, "target").value_or("")});
  });
  each("texts", [&](std::string path, const nlohmann::json& entry) {
    arrangement.texts.push_back({std::move(path), util::string_member(entry, "text").value_or("")});
  });
  return arrangement;
}

void add_arrangement(nlohmann::json& json, const Arrangement& arrangement) {
  if (arrangement.empty()) {
    return;
  }
  json["links"] = nlohmann::json::array();
  for (const ArrangedLink& link : arrangement.links) {
    json["links"].push_back({{"path", link.path}, {"target", link.target}});
  }
  json["texts"] = nlohmann::json::array();
  for (const ArrangedText& text : arrangement.texts) {
    json["texts"].push_back({{"path", text.path}, {"text", text.text}});
  }
}

// What an older program wrote has none.
std::vector<RecordedFinding> findings_from_json(const nlohmann::json& json) {
  std::vector<RecordedFinding> findings;
  const nlohmann::json* list = util::member(json, "findings");
  for (const nlohmann::json& entry :
       list != nullptr && list->is_array() ? *list : nlohmann::json::array()) {
    findings.push_back({util::string_member(entry, "path").value_or(""),
                        util::string_member(entry, "problem").value_or("")});
  }
  return findings;
}

nlohmann::json to_json(const std::vector<RecordedFinding>& findings) {
  nlohmann::json list = nlohmann::json::array();
  for (const RecordedFinding& finding : findings) {
    list.push_back({{"path", finding.path}, {"problem", finding.problem}});
  }
  return list;
}

// Empty and a reason when the text is no record of ours.
std::optional<Record> parse_record(std::string_view text, std::string& problem) {
  const auto json = util::parse_json(text, &problem, k_max_record_values);
  if (!json) {
    return std::nullopt;
  }
  const auto format = util::unsigned_member(*json, "format");
  if (format != k_record_format) {
    problem = fmt::format("its format is {}, this program knows {}",
                          format ? std::to_string(*format) : "missing", k_record_format);
    return std::nullopt;
  }
  const auto text_of = [&](const char* name) {
    return util::string_member(*json, name).value_or("");
  };
  Record record{.source = text_of("source"),
                .revision = text_of("revision"),
                .selection = text_of("selection"),
                .model_name = text_of("model_name"),
                .program = text_of("program"),
                .started_at = text_of("started_at"),
                .completed_at = text_of("completed_at"),
                .files = {},
                .arrangement = arrangement_from_json(*json),
                .findings = findings_from_json(*json)};
  const nlohmann::json* files = util::member(*json, "files");
  if (files == nullptr || !files->is_array()) {
    problem = "it has no list of files";
    return std::nullopt;
  }
  for (const nlohmann::json& entry : *files) {
    auto file = recorded_file_from_json(entry);
    if (!file) {
      problem = fmt::format("its file entry {} is malformed", record.files.size() + 1);
      return std::nullopt;
    }
    record.files.push_back(std::move(*file));
  }
  return record;
}

}  // namespace

nlohmann::json to_json(const RecordedFile& file) {
  nlohmann::json json{{"path", file.path},
                      {"size", file.size},
                      {"digest", file.digest.to_string()},
                      {"modified_ns", file.modified_ns}};
  if (!file.url.empty()) {
    json["url"] = file.url;
  }
  if (!file.states.empty()) {
    json["states"] = file.states;
  }
  return json;
}

std::optional<RecordedFile> recorded_file_from_json(const nlohmann::json& json) {
  const auto path = util::string_member(json, "path");
  const auto size = util::unsigned_member(json, "size");
  const auto digest = digest::Digest::parse(util::string_member(json, "digest").value_or(""));
  const nlohmann::json* modified = util::member(json, "modified_ns");
  if (!path || !stays_below(*path) || !size || !digest || modified == nullptr ||
      !modified->is_number_integer()) {
    return std::nullopt;
  }
  return RecordedFile{*path,
                      *size,
                      *digest,
                      modified->get<std::int64_t>(),
                      util::string_member(json, "url").value_or(""),
                      util::string_member(json, "states").value_or("")};
}

std::optional<Record> load_record(const std::filesystem::path& path, util::Log& log) {
  std::string problem;
  try {
    const auto text = util::read_small_file(path, k_max_record_bytes);
    if (!text) {
      return std::nullopt;
    }
    if (auto record = parse_record(*text, problem)) {
      return record;
    }
  } catch (const util::Error& error) {
    problem = error.what();
  }
  log.warning("record_ignored",
              fmt::format("ignoring the completion record {}: {}; files in place are checked again",
                          path.string(), problem),
              {{"path", path.string()}, {"reason", problem}});
  return std::nullopt;
}

void save_record(const std::filesystem::path& path, const Record& record) {
  nlohmann::json files = nlohmann::json::array();
  for (const RecordedFile& file : record.files) {
    files.push_back(to_json(file));
  }
  nlohmann::json json = {{"format", k_record_format},       {"source", record.source},
                         {"revision", record.revision},     {"selection", record.selection},
                         {"model_name", record.model_name}, {"program", record.program},
                         {"started_at", record.started_at}, {"completed_at", record.completed_at},
                         {"files", std::move(files)},       {"findings", to_json(record.findings)}};
  add_arrangement(json, record.arrangement);
  util::replace_file(path, json.dump(1) + "\n");
}

}  // namespace nai::storage
