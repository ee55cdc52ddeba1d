// SPDX-License-Identifier: Apache-2.0
#include <nai/model/inspection.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "json_text.hpp"

#include <nai/model/safetensors.hpp>
#include <nai/util/error.hpp>
#include <nai/util/file.hpp>
#include <nai/util/text.hpp>

namespace nai::model {

namespace {

using Json = nlohmann::json;

// Larger ones are no configuration, and their indexes would take memory.
constexpr std::uint64_t k_max_json_bytes = std::uint64_t{64} << 20U;
constexpr std::size_t k_longest_shown_name = 200;
constexpr std::size_t k_max_findings = 100;
// Real ones name a few hundred, and a hostile one must not fill the memory.
constexpr std::size_t k_max_named_files = 20'000;
constexpr std::size_t k_longest_path = 4096;

// Takes the JSON text of a file from the parser: whether it is an object, and which files an index
// names.
class ObjectReader final : public nlohmann::json_sax<Json> {
 public:
  [[nodiscard]] const std::string& problem() const { return m_problem; }
  [[nodiscard]] const std::set<std::string>& named_files() const { return m_named_files; }

  bool null() override { return take_value(); }
  bool boolean(bool /*value*/) override { return take_value(); }
  bool number_integer(number_integer_t /*value*/) override { return take_value(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return take_value(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override {
    return take_value();
  }
  bool binary(binary_t& /*value*/) override { return take_value(); }
  bool string(string_t& value) override {
    if (m_depth == 2 && m_in_weight_map && m_named_files.size() < k_max_named_files) {
      m_named_files.insert(value.substr(0, k_longest_path + 1));
    }
    return take_value();
  }
  bool start_object(std::size_t /*elements*/) override {
    ++m_depth;
    return true;
  }
  bool key(string_t& name) override {
    if (m_depth == 1) {
      m_in_weight_map = name == "weight_map";
    }
    return true;
  }
  bool end_object() override {
    --m_depth;
    return true;
  }
  bool start_array(std::size_t /*elements*/) override {
    const bool ok = take_value();
    ++m_depth;
    return ok;
  }
  bool end_array() override {
    --m_depth;
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const Json::exception& /*error*/) override {
    m_problem = position <= 1 ? "is no JSON" : fmt::format("is no valid JSON at byte {}", position);
    return false;
  }

 private:
  bool take_value() {
    if (m_depth == 0) {
      m_problem = "is no JSON object";
    }
    return m_depth > 0;
  }

  std::size_t m_depth = 0;
  bool m_in_weight_map = false;
  std::set<std::string> m_named_files;
  std::string m_problem;
};

class Inspection {
 public:
  Inspection(const std::filesystem::path& directory, const std::vector<std::string>& paths,
             const std::vector<std::string>& left_out)
      : m_directory(directory), m_existing(paths.begin(), paths.end()) {
    m_existing.insert(left_out.begin(), left_out.end());
  }

  void look_at(const std::string& path);
  [[nodiscard]] std::vector<Finding> findings() && { return std::move(m_findings); }

 private:
  void check(const std::string& path, const ReadAt& read, std::uint64_t size);
  void check_index(const std::string& path, const ObjectReader& index);
  void note(const std::string& path, std::string problem) {
    if (!problem.empty() && m_findings.size() < k_max_findings) {
      m_findings.push_back({path, std::move(problem)});
    }
  }

  const std::filesystem::path& m_directory;
  std::set<std::string_view> m_existing;
  std::vector<Finding> m_findings;
};

bool is_index(std::string_view name) { return name.ends_with(".safetensors.index.json"); }

bool is_configuration(std::string_view name) {
  return name.ends_with("config.json") ||
         (name.starts_with("tokenizer") && name.ends_with(".json"));
}

bool is_of_interest(std::string_view name) {
  return name.ends_with(".safetensors") || is_index(name) || is_configuration(name);
}

void Inspection::look_at(const std::string& path) {
  if (!is_of_interest(std::string_view(path).substr(path.rfind('/') + 1))) {
    return;
  }
  try {
    const auto place = m_directory / path;
    const auto fd = util::open_existing(place, O_RDONLY);
    struct stat status {};
    if (!fd || ::fstat(fd->get(), &status) != 0 || !S_ISREG(status.st_mode)) {
      return;
    }
    check(
        path,
        [&](std::span<std::byte> data, std::uint64_t offset) {
          return util::read_at(*fd, data, offset, place);
        },
        static_cast<std::uint64_t>(status.st_size));
  } catch (const util::Error&) {
    return;  // the volume's trouble, not the model's
  }
}

void Inspection::check(const std::string& path, const ReadAt& read, std::uint64_t size) {
  if (path.ends_with(".safetensors")) {
    note(path, safetensors_problem(read, size));
    return;
  }
  if (size > k_max_json_bytes) {
    return;
  }
  JsonText text(read, 0, size, true);
  ObjectReader reader;
  static_cast<void>(Json::sax_parse(text.begin(), JsonText::end(), &reader));
  if (text.is_cut()) {
    return;  // unusual, but no harm to who has the memory
  }
  note(path, reader.problem());
  if (reader.problem().empty() && is_index(path)) {
    check_index(path, reader);
  }
}

void Inspection::check_index(const std::string& path, const ObjectReader& index) {
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  std::size_t missing = 0;
  std::string first;
  for (const std::string& name : index.named_files()) {
    if (!m_existing.contains(directory + name) && missing++ == 0) {
      first = name;
    }
  }
  if (missing > 0) {
    note(path, fmt::format("names {}{}, which the model does not have",
                           util::printable(first, k_longest_shown_name),
                           missing == 1 ? "" : fmt::format(" and {} more files", missing - 1)));
  }
}

}  // namespace

std::vector<Finding> inspect(const std::filesystem::path& directory,
                             const std::vector<std::string>& paths,
                             const std::vector<std::string>& left_out,
                             const std::stop_token& stop) {
  Inspection inspection(directory, paths, left_out);
  for (const std::string& path : paths) {
    if (stop.stop_requested()) {
      // The record keeps what is found, so it must be all.
      throw util::Error(util::ErrorKind::interrupted, "interrupted while inspecting the files");
    }
    inspection.look_at(path);
  }
  return std::move(inspection).findings();
}

}  // namespace nai::model
