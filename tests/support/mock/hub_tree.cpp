// SPDX-License-Identifier: Apache-2.0
#include "support/mock/hub.hpp"

#include "support/mock/hub_json.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <set>

namespace mock {

namespace {

constexpr std::size_t k_page_size = 1000;
constexpr std::size_t k_expanded_page_size = 50;

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

// The paths asked for, from a JSON object or a form.
std::optional<std::vector<std::string>> asked_paths(const Request& request, bool& expand) {
  std::vector<std::string> paths;
  if (!request.headers.get("Content-Type").value_or("").starts_with("application/json")) {
    for (auto& [name, value] : parse_query(request.body)) {
      if (name == "paths") {
        paths.push_back(value);
      } else if (name == "expand") {
        expand = is_true(value);
      }
    }
    return paths;
  }
  const Json body = Json::parse(request.body, nullptr, false);
  if (!body.is_object() || !body.contains("paths") || !body["paths"].is_array()) {
    return std::nullopt;
  }
  for (const Json& path : body["paths"]) {
    paths.push_back(path.is_string() ? path.get<std::string>() : "");
  }
  expand = body.value("expand", Json(false)) == Json(true);
  return paths;
}

}  // namespace

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
  const EntryStyle style{
      .with_xet = m_options.advertises_xet, .expand = expand, .has_access = scene.has_access};
  Json body = Json::array();
  for (std::size_t i = begin; i < end; ++i) {
    const Item& item = items[i];
    body.push_back(item.file == nullptr ? directory_json(item.path, scene.commit, style)
                                        : file_json(*item.file, scene.commit, style));
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

Response Hub::paths_info(const Scene& scene) const {
  EntryStyle style{.with_xet = m_options.advertises_xet, .has_access = scene.has_access};
  const auto paths = asked_paths(scene.request, style.expand);
  if (!paths) {
    return hub_error(400, "", "Invalid input: expected paths");
  }
  const std::vector<Item> items = list_items(scene.commit, "", true);
  Json body = Json::array();
  for (const std::string& path : *paths) {
    const auto found = std::find_if(items.begin(), items.end(),
                                    [&](const Item& item) { return item.path == path; });
    if (found != items.end()) {
      body.push_back(found->file == nullptr ? directory_json(path, scene.commit, style)
                                            : file_json(*found->file, scene.commit, style));
    }
  }
  return json_response(200, dump(body));
}

}  // namespace mock
