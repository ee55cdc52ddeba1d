// SPDX-License-Identifier: Apache-2.0
#include <source/hugging_face/tree.hpp>

#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <nai/util/json.hpp>
#include <nai/util/text.hpp>

namespace nai::source {

namespace {

constexpr std::size_t k_max_tree_files = 1'000'000;
constexpr std::size_t k_max_tree_pages = 20'000;
// 8 TiB, many times the Hub's own limit. So many files of this size do not overflow their sum.
constexpr std::uint64_t k_max_tree_file_bytes = std::uint64_t{1} << 43U;
static_assert(k_max_tree_files <= (std::uint64_t{1} << 20U));
constexpr std::size_t k_max_shown_path_bytes = 200;
constexpr std::string_view k_query = "recursive=true&expand=false";

util::Error unusable(const Hub& hub, const std::string& why) {
  return {util::ErrorKind::content_mismatch,
          fmt::format("the file list of {} cannot be used: {}", hub.options().repository, why)};
}

// LFS and Xet files carry the SHA-256 of their content; `oid` is then that of the pointer.
Artifact parse_file(const Hub& hub, const nlohmann::json& entry) {
  std::string path = util::string_member(entry, "path").value_or("");
  const nlohmann::json* lfs = util::member(entry, "lfs");
  if (lfs != nullptr && !lfs->is_null()) {
    return checked_artifact(
        hub, std::move(path), util::unsigned_member(*lfs, "size"),
        digest::Digest::from_hex(digest::Algorithm::sha256,
                                 util::string_member(*lfs, "oid").value_or("")));
  }
  return checked_artifact(hub, std::move(path), util::unsigned_member(entry, "size"),
                          digest::Digest::from_hex(digest::Algorithm::git_blob_sha1,
                                                   util::string_member(entry, "oid").value_or("")));
}

void add_page(const Hub& hub, const nlohmann::json& page, std::vector<Artifact>& files) {
  if (!page.is_array()) {
    throw unusable(hub, "it is not a JSON array");
  }
  for (const nlohmann::json& entry : page) {
    const auto type = util::string_member(entry, "type");
    if (!type) {
      throw unusable(hub, fmt::format("entry {} has no type", files.size() + 1));
    }
    // Directories, and whatever else a repository may come to hold besides files.
    if (*type != "file") {
      continue;
    }
    files.push_back(parse_file(hub, entry));
    check_file_count(hub, files.size());
  }
}

// The next page is asked of the endpoint itself. Mirrors pass the Hub's own link on, so of a link
// to elsewhere only the query counts, which has the cursor.
std::optional<http::Url> next_page(const Hub& hub, const HubAnswer& answer) {
  const auto link = http::parse_next_link(answer.response.headers.find("Link").value_or(""));
  if (!link) {
    return std::nullopt;
  }
  const auto target = answer.url.resolve(*link);
  if (!target) {
    throw unusable(hub, "the link to its next page is not an address");
  }
  return target->same_origin(answer.url) ? *target
                                         : answer.url.with_path(answer.url.path(), target->query());
}

}  // namespace

std::vector<Artifact> list_files(Hub& hub, const std::string& commit, const std::stop_token& stop) {
  const std::string purpose = "listing the files of " + hub.options().repository;
  std::vector<Artifact> files;
  std::set<std::string> visited;
  std::optional<http::Url> page = hub.api_url("/tree/" + commit, std::string(k_query));
  while (page) {
    if (!visited.insert(page->on_the_wire()).second || visited.size() > k_max_tree_pages) {
      throw unusable(hub, fmt::format("its pages do not end (page {})", visited.size()));
    }
    const HubAnswer answer = hub.get_json(*page, purpose, stop);
    if (answer.lacks_endpoint() && visited.size() == 1) {
      return list_siblings(hub, commit, stop);
    }
    if (!answer.ok()) {
      throw hub.without_token(answer.error());
    }
    add_page(hub, answer.json, files);
    page = next_page(hub, answer);
  }
  return files;
}

void check_file_count(const Hub& hub, std::size_t count) {
  if (count > k_max_tree_files) {
    throw unusable(hub, fmt::format("it has more than {} files", k_max_tree_files));
  }
}

Artifact checked_artifact(const Hub& hub, std::string path, std::optional<std::uint64_t> size,
                          std::optional<digest::Digest> digest) {
  if (path.empty()) {
    throw unusable(hub, "a file has no path");
  }
  const std::string shown = util::printable(path, k_max_shown_path_bytes);
  if (!size || *size > k_max_tree_file_bytes) {
    throw unusable(hub, fmt::format("\"{}\" has no size that makes sense", shown));
  }
  if (!digest) {
    throw unusable(hub, fmt::format("\"{}\" has no checksum", shown));
  }
  return {.path = std::move(path), .size = *size, .digest = *std::move(digest)};
}

}  // namespace nai::source
