// SPDX-License-Identifier: Apache-2.0
#include "support/mock/loading.hpp"

#include "support/mock/digest.hpp"

#include <unistd.h>
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace mock {

namespace {

using Parsed = nlohmann::json;

std::string read_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) {
    throw std::runtime_error("cannot read " + file.string());
  }
  return text.str();
}

std::uint64_t seed_of(const std::string& path) {
  return std::stoull(sha1_hex(path).substr(0, 16), nullptr, 16);
}

// Ends a text of exactly `size` bytes, filled up with words.
std::string padded(const std::string& begin, const std::string& end, std::size_t size) {
  constexpr std::string_view k_words = "made-up content of a mock registry ";
  std::string text = begin;
  while (text.size() + end.size() < size) {
    text += k_words.substr(0, size - end.size() - text.size());
  }
  return text + end;
}

// One tensor of bytes that covers the file.
std::string safetensors_head(std::uint64_t size) {
  constexpr std::size_t k_header_bytes = 120;
  const std::uint64_t data = size - 8 - k_header_bytes;
  std::string header =
      Parsed{{"tensor", {{"dtype", "U8"}, {"shape", {data}}, {"data_offsets", {0, data}}}}}.dump();
  header.resize(k_header_bytes, ' ');
  std::string head(8, '\0');
  head[0] = static_cast<char>(k_header_bytes);
  return head + header;
}

File load_listed(const Parsed& entry) {
  const auto path = entry.at("path").get<std::string>();
  if (entry.contains("text")) {
    return regular_file(path, entry.at("text").get<std::string>());
  }
  const auto size = entry.at("size").get<std::uint64_t>();
  File file{.path = path,
            .content = plausible_content(path, entry.value("seed", seed_of(path)), size),
            .lfs = entry.value("lfs", is_lfs_by_rule(path, size))};
  if (entry.contains("sha256")) {
    file.content.assume_sha256(entry.at("sha256").get<std::string>());
  }
  return file;
}

}  // namespace

Repository load_directory(const std::string& id, const std::filesystem::path& directory) {
  namespace fs = std::filesystem;
  std::vector<File> files;
  for (const auto& entry : fs::recursive_directory_iterator(
           directory, fs::directory_options::follow_directory_symlink)) {
    if (!entry.is_regular_file()) {
      continue;
    }
    const std::string path = fs::relative(entry.path(), directory).generic_string();
    File file{.path = path, .content = Content::file(entry.path())};
    file.lfs = is_lfs_by_rule(path, file.content.size());
    files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.path < b.path; });
  return make_repository(id, std::move(files));
}

Repository load_listing(const std::filesystem::path& file) {
  try {
    const Parsed listing = Parsed::parse(read_text(file));
    Repository repository{.id = listing.at("id").get<std::string>()};
    std::vector<File> files;
    for (const Parsed& entry : listing.at("files")) {
      files.push_back(load_listed(entry));
    }
    repository.add_commit(std::move(files), "main", listing.value("commit", ""));
    return repository;
  } catch (const Parsed::exception& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

Content plausible_content(const std::string& path, std::uint64_t seed, std::uint64_t size) {
  constexpr std::uint64_t k_smallest_safetensors = 256;
  constexpr std::uint64_t k_largest_text = 64 * 1024 * 1024;
  if (path.ends_with(".safetensors") && size >= k_smallest_safetensors) {
    return Content::generated_with_head(safetensors_head(size), seed, size);
  }
  const std::string name = path.substr(path.rfind('/') + 1);
  const bool is_json = name.ends_with(".json");
  const bool is_text = name.ends_with(".md") || name.ends_with(".txt") || name == "LICENSE" ||
                       name == ".gitattributes";
  const bool is_index = name.ends_with(".index.json");
  const std::string begin = is_index  ? R"({"metadata": {}, "weight_map": {}, "mock": ")"
                            : is_json ? R"({"mock": ")"
                                      : name + "\n";
  const std::string end = is_json ? "\"}\n" : "\n";
  if ((is_json || is_text) && size >= begin.size() + end.size() && size <= k_largest_text) {
    return Content::inline_bytes(padded(begin, end, static_cast<std::size_t>(size)));
  }
  return Content::generated(seed, size);
}

DigestCache::DigestCache(std::filesystem::path file) : m_file(std::move(file)) {
  if (!std::filesystem::exists(m_file)) {
    return;
  }
  const Parsed json = Parsed::parse(read_text(m_file), nullptr, false);
  if (json.is_object()) {
    for (const auto& [key, digest] : json.items()) {
      m_digests[key] = digest.is_string() ? digest.get<std::string>() : "";
    }
  }
}

void DigestCache::complete(const Repository& repository) {
  std::vector<Content> contents;
  for (const Commit& commit : repository.commits) {
    for (const File& file : commit.files) {
      if (file.lfs && !file.content.cache_key().empty()) {
        contents.push_back(file.content);
      }
    }
  }
  for (const Content& content : contents) {
    const auto known = m_digests.find(content.cache_key());
    if (known != m_digests.end() && known->second.size() == 64) {
      content.assume_sha256(known->second);
    }
  }
  compute_digests(repository);
  for (const Content& content : contents) {
    m_digests[content.cache_key()] = content.sha256();
  }
}

void DigestCache::save() const { write_atomically(m_file, Parsed(m_digests).dump(1) + "\n"); }

void write_atomically(const std::filesystem::path& file, const std::string& text) {
  const std::filesystem::path temporary = file.string() + "." + std::to_string(::getpid()) + ".new";
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) {
    throw std::runtime_error("cannot write " + temporary.string());
  }
  std::filesystem::rename(temporary, file);
}

}  // namespace mock
