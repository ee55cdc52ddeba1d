// SPDX-License-Identifier: Apache-2.0
// list_siblings() of tree.hpp.
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include <nai/util/json.hpp>
#include <nai/util/text.hpp>

#include <source/hugging_face/tree.hpp>

namespace nai::source {

namespace {

// What a mirror tells of a file, as far as it does.
struct Facts {
  std::optional<std::uint64_t> size;
  std::optional<digest::Digest> digest;

  [[nodiscard]] bool complete() const { return size && digest; }
};

// With blobs=true the Hub adds these; LFS files have the SHA-256 of their content.
Facts facts_of(const nlohmann::json& sibling) {
  const nlohmann::json* lfs = util::member(sibling, "lfs");
  if (lfs != nullptr && lfs->is_object()) {
    const auto sha256 = util::string_member(*lfs, "sha256");
    return {.size = util::unsigned_member(*lfs, "size"),
            .digest = digest::Digest::from_hex(digest::Algorithm::sha256, sha256.value_or(""))};
  }
  return {.size = util::unsigned_member(sibling, "size"),
          .digest = digest::Digest::from_hex(digest::Algorithm::git_blob_sha1,
                                             util::string_member(sibling, "blobId").value_or(""))};
}

// An entity tag of the Hub's is the digest of the content; its length tells which.
Facts facts_of(const http::Response& head) {
  const auto find = [&](std::string_view linked, std::string_view plain) {
    const auto value = head.headers.find(linked);
    return std::string(value ? *value : head.headers.find(plain).value_or(""));
  };
  const std::string etag = http::normalize_etag(find("X-Linked-Etag", "ETag"));
  const bool redirect = head.status >= 300;
  Facts facts{.size = util::parse_decimal(find("X-Linked-Size", redirect ? "" : "Content-Length")),
              .digest = digest::Digest::from_hex(digest::Algorithm::sha256, etag)};
  if (!facts.digest) {
    facts.digest = digest::Digest::from_hex(digest::Algorithm::git_blob_sha1, etag);
  }
  return facts;
}

}  // namespace

std::vector<Artifact> list_siblings(Hub& hub, const std::string& commit,
                                    const std::stop_token& stop) {
  const std::string purpose = "listing the files of " + hub.options().repository;
  hub.log().info("hub_without_tree", fmt::format("{} lists no trees, so each file is asked for",
                                                 hub.options().endpoint.display()));
  const HubAnswer info =
      hub.get_json(hub.api_url("/revision/" + commit, "blobs=true"), purpose, stop);
  const nlohmann::json* siblings = util::member(info.json, "siblings");
  if (!info.ok()) {
    throw hub.without_token(info.error());
  }
  std::vector<Artifact> files;
  if (siblings == nullptr || !siblings->is_array()) {
    throw util::Error(util::ErrorKind::content_mismatch,
                      fmt::format("{} does not answer as a Hugging Face Hub does: no file list",
                                  info.url.display()));
  }
  check_file_count(hub, siblings->size());
  for (const nlohmann::json& sibling : *siblings) {
    std::string path = util::string_member(sibling, "rfilename").value_or("");
    Facts facts = facts_of(sibling);
    if (!facts.complete() && !path.empty()) {
      const HubAnswer head = hub.get_head(hub.resolve_url(commit, path), purpose, stop);
      if (head.response.status >= 400) {
        throw hub.without_token(head.error());
      }
      facts = facts_of(head.response);
    }
    files.push_back(checked_artifact(hub, std::move(path), facts.size, facts.digest));
  }
  return files;
}

}  // namespace nai::source
