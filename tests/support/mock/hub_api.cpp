// SPDX-License-Identifier: Apache-2.0
#include "support/mock/hub.hpp"

#include "support/mock/digest.hpp"
#include "support/mock/hub_json.hpp"

#include <algorithm>

namespace mock {

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
        sibling["lfs"] = lfs_json(file, "sha256");
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

}  // namespace mock
