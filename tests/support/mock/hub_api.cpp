// SPDX-License-Identifier: Apache-2.0
#include "support/mock/hub.hpp"

#include "support/mock/digest.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

namespace mock {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t k_page_size = 1000;
constexpr std::size_t k_expanded_page_size = 50;

// Paths are sent as they are, also when they are not UTF-8.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::ignore);
}

Json lfs_fields(const File& file, const char* digest_name) {
  return {{digest_name, file.shown_id()},
          {"size", file.shown_size()},
          {"pointerSize", file.lfs_pointer().size()}};
}

Json file_entry(const File& file, const std::string& xet_hash) {
  Json entry = {{"type", "file"}, {"oid", file.git_oid()}, {"size", file.shown_size()}};
  if (file.lfs) {
    entry["lfs"] = lfs_fields(file, "oid");
    if (!xet_hash.empty()) {
      entry["xetHash"] = xet_hash;
    }
  }
  entry["path"] = file.path;
  return entry;
}

Json directory_entry(const std::string& path, const std::string& commit) {
  return {{"type", "directory"}, {"oid", sha1_hex(commit + path)}, {"size", 0}, {"path", path}};
}

// One item of a tree listing: a file, or a directory when there is none.
struct Item {
  std::string path;
  const File* file = nullptr;
};

// Directories first, then files, each in the order of their names.
std::vector<Item> list_items(const Commit& commit, const std::string& below, bool recursive) {
  const std::string prefix = below.empty() ? "" : below + "/";
  std::set<std::string> directories;
  std::vector<Item> files;
  for (const File& file : commit.files) {
    if (!file.path.starts_with(prefix)) {
      continue;
    }
    bool shown = true;
    for (auto slash = file.path.find('/', prefix.size()); slash != std::string::npos && shown;
         slash = file.path.find('/', slash + 1)) {
      if (slash > prefix.size()) {
        directories.insert(file.path.substr(0, slash));
      }
      shown = recursive;
    }
    if (shown) {
      files.push_back({file.path, &file});
    }
  }
  std::stable_sort(files.begin(), files.end(),
                   [](const Item& a, const Item& b) { return a.path < b.path; });
  std::vector<Item> items;
  for (const std::string& directory : directories) {
    items.push_back({directory, nullptr});
  }
  items.insert(items.end(), files.begin(), files.end());
  return items;
}

bool is_true(const std::optional<std::string>& text) {
  return text == "true" || text == "True" || text == "1";
}

std::size_t parse_count(const std::string& text) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Opaque, and in need of percent-encoding, like the Hub's.
std::string make_cursor(const std::string& commit, std::size_t begin) {
  return "ZXlK" + commit.substr(0, 8) + "==:" + std::to_string(begin);
}

std::optional<std::size_t> parse_cursor(const std::string& cursor, const std::string& commit) {
  const std::string start = make_cursor(commit, 0);
  const std::string_view prefix = std::string_view(start).substr(0, start.size() - 1);
  return cursor.starts_with(prefix) ? std::optional(parse_count(cursor.substr(prefix.size())))
                                    : std::nullopt;
}

std::string fake_xet_hash(const File& file, bool has_access) {
  return has_access ? sha256_hex("xet " + file.shown_id()) : std::string(64, '*');
}

}  // namespace

Response Hub::info(const Scene& scene) const {
  const bool with_blobs = is_true(scene.request.parameter("blobs"));
  Json siblings = Json::array();
  std::uint64_t total = 0;
  for (const File& file : scene.commit.files) {
    Json sibling = {{"rfilename", file.path}};
    if (with_blobs) {
      sibling["size"] = file.shown_size();
      sibling["blobId"] = file.git_oid();
      if (file.lfs) {
        sibling["lfs"] = lfs_fields(file, "sha256");
      }
    }
    siblings.push_back(std::move(sibling));
    total += file.shown_size();
  }
  const std::string& id = scene.repository.id;
  const Json body = {{"_id", sha1_hex(id).substr(0, 24)},
                     {"id", id},
                     {"private", scene.repository.is_private},
                     {"gated", scene.repository.gated ? Json("manual") : Json(false)},
                     {"disabled", scene.repository.disabled},
                     {"modelId", id},
                     {"author", id.substr(0, id.find('/'))},
                     {"sha", scene.commit.id},
                     {"lastModified", "2024-09-25T17:00:57.000Z"},
                     {"tags", {"safetensors", "region:us"}},
                     {"downloads", 0},
                     {"likes", 0},
                     {"siblings", std::move(siblings)},
                     {"createdAt", "2024-07-18T08:56:00.000Z"},
                     {"usedStorage", total}};
  return json_response(200, dump(body));
}

Response Hub::commits(const Scene& scene) const {
  Json body = Json::array();
  const auto& all = scene.repository.commits;
  const auto begin = std::find_if(all.begin(), all.end(),
                                  [&](const Commit& c) { return c.id == scene.commit.id; });
  for (auto it = begin; it != all.end(); ++it) {
    body.push_back({{"id", it->id},
                    {"title", it->title},
                    {"message", ""},
                    {"authors", {{{"_id", "60ab4f1b0b8e3c0c0d1bfa5a"}, {"user", "mock"}}}},
                    {"date", "2024-09-25T17:00:57.000Z"}});
  }
  Response response = json_response(200, dump(body));
  response.headers.add("X-Total-Count", std::to_string(body.size()));
  return response;
}

Response Hub::refs(const Scene& scene) const {
  Json body = {{"tags", Json::array()}, {"branches", Json::array()}, {"converts", Json::array()}};
  Json pull_requests = Json::array();
  for (const auto& [name, commit] : scene.repository.refs) {
    const bool is_full = name.starts_with("refs/");
    Json entry = {
        {"name", name}, {"ref", is_full ? name : "refs/heads/" + name}, {"targetCommit", commit}};
    (is_full ? pull_requests : body["branches"]).push_back(std::move(entry));
  }
  if (is_true(scene.request.parameter("include_prs"))) {
    body["pullRequests"] = std::move(pull_requests);
  }
  return json_response(200, dump(body));
}

Response Hub::tree(const Scene& scene) const {
  const bool recursive = is_true(scene.request.parameter("recursive"));
  const bool expand = is_true(scene.request.parameter("expand"));
  const std::vector<Item> items = list_items(scene.commit, scene.target.path, recursive);
  if (items.empty() && !scene.target.path.empty()) {
    return refuse_entry(scene.target.path, scene.target.revision);
  }
  const std::size_t largest = expand ? k_expanded_page_size : k_page_size;
  const std::size_t limit = std::clamp<std::size_t>(
      parse_count(scene.request.parameter("limit").value_or("1000")), 1, largest);
  std::size_t begin = 0;
  if (const auto cursor = scene.request.parameter("cursor")) {
    const auto position = parse_cursor(*cursor, scene.commit.id);
    if (!position || *position > items.size()) {
      return hub_error(400, "", "Invalid cursor");
    }
    begin = *position;
  }
  const std::size_t end = std::min(items.size(), begin + limit);
  Json body = Json::array();
  for (std::size_t i = begin; i < end; ++i) {
    const File* file = items[i].file;
    if (file == nullptr) {
      body.push_back(directory_entry(items[i].path, scene.commit.id));
    } else {
      const bool xet = m_options.advertises_xet && file->lfs;
      body.push_back(file_entry(*file, xet ? fake_xet_hash(*file, scene.has_access) : ""));
    }
  }
  Response response = json_response(200, dump(body));
  if (end < items.size()) {
    response.headers.add(
        "Link", fmt::format("<{}{}?recursive={}&expand={}&limit={}&cursor={}>; rel=\"next\"",
                            base_url(scene.request), scene.request.path, recursive, expand, limit,
                            percent_encode(make_cursor(scene.commit.id, end))));
  }
  return response;
}

}  // namespace mock
