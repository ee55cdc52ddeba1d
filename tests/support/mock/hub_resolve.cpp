// SPDX-License-Identifier: Apache-2.0
#include "support/mock/hub.hpp"

#include "support/mock/hub_json.hpp"
#include "support/mock/range.hpp"

#include <fmt/format.h>

namespace mock {

namespace {

std::string quoted(const std::string& text) { return '"' + text + '"'; }

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

Response Hub::resolve(const Scene& scene) {
  const File* file = scene.commit.find(scene.target.path);
  Response response;
  if (file == nullptr) {
    response = hub_error(404, "EntryNotFound", "Entry not found");
  } else if (!m_options.mirror.redirects || (!file->lfs && m_options.regular_files_direct)) {
    response = send_file(scene, *file);
  } else if (file->lfs) {
    response = redirect_to_cdn(scene, *file);
  } else if (const auto known = scene.request.headers.get("If-None-Match");
             known == quoted(file->shown_id())) {
    response.status = 304;
    response.headers.add("ETag", quoted(file->shown_id()));
  } else {
    response = redirect(
        307, fmt::format("/api/resolve-cache/models/{}/{}/{}?{}=&etag={}", scene.repository.id,
                         scene.commit.id, percent_encode(file->path, true),
                         percent_encode(percent_decode(scene.request.path)),
                         percent_encode(quoted(file->shown_id()))));
    response.headers.add("ETag", quoted(file->shown_id()));
    response.headers.add("Accept-Ranges", "bytes");
  }
  if (m_options.mirror.has_repo_commit) {
    response.headers.set("X-Repo-Commit", scene.commit.id);
  }
  return response;
}

Response Hub::redirect_to_cdn(const Scene& scene, const File& file) {
  const std::uint64_t number = m_store.publish(scene.repository.id, file);
  const Location location{
      .host = m_options.cdn_hosts.at(m_locations++ % m_options.cdn_hosts.size()),
      .path = m_store.published(number)->cdn_path,
      .file_name = file_name(file.path),
      .file_number = number,
      .signed_at = m_conditions.unix_now(),
      .lifetime = m_options.location_lifetime};
  const std::string query = m_signer.query(location, m_options.location_style);
  const std::string content =
      m_options.content_origin.empty()
          ? (m_options.tls ? "https://" : "http://") + location.host + location.path
          : m_options.content_origin + "/" + percent_encode(file.path, true);
  Response response = redirect(302, content + "?" + query);
  response.headers.add("X-Linked-Size", std::to_string(file.shown_size()));
  response.headers.add("X-Linked-ETag", quoted(file.shown_id()));
  response.headers.add("ETag", quoted(file.shown_id()));
  response.headers.add("Accept-Ranges", "bytes");
  if (m_options.advertises_xet) {
    const std::string hash = fake_xet_hash(file);
    response.headers.add("X-Xet-Hash", hash);
    response.headers.add("Link",
                         fmt::format("<{}/api/models/{}/xet-read-token/{}>; rel=\"xet-auth\", "
                                     "<https://{}/v1/reconstructions/{}>; "
                                     "rel=\"xet-reconstruction-info\"",
                                     base_url(scene.request), scene.repository.id, scene.commit.id,
                                     location.host, hash));
  }
  return response;
}

Response Hub::resolve_cache(const Scene& scene) const {
  const File* file = scene.commit.find(scene.target.path);
  if (file == nullptr || file->lfs) {
    return hub_error(404, "EntryNotFound", "Entry not found");
  }
  // Clients that lose the query on the way to this hop fail on some mirrors, so they fail here.
  if (scene.request.parameter("etag") != quoted(file->shown_id())) {
    return hub_error(400, "", "Missing or wrong etag");
  }
  Response response = send_file(scene, *file);
  if (m_options.mirror.has_repo_commit) {
    response.headers.set("X-Repo-Commit", scene.commit.id);
  }
  return response;
}

Response Hub::raw(const Scene& scene) const {
  const File* file = scene.commit.find(scene.target.path);
  if (file == nullptr) {
    return hub_error(404, "EntryNotFound", "Entry not found");
  }
  const Content content = file->lfs ? Content::inline_bytes(file->lfs_pointer()) : file->content;
  return serve_content(
      scene.request, content, quoted(file->git_oid()),
      {{"Content-Type", "text/plain; charset=utf-8"}, {"X-Repo-Commit", scene.commit.id}});
}

Response Hub::send_file(const Scene& scene, const File& file) const {
  Headers headers = {
      {"Content-Type", file.lfs ? "application/octet-stream" : "text/plain; charset=utf-8"},
      {"Content-Disposition", "inline; filename=\"" + file_name(file.path) + "\";"},
      {"Content-Security-Policy", "default-src 'none'; sandbox"}};
  if (file.lfs) {
    headers.add("X-Linked-Size", std::to_string(file.shown_size()));
    headers.add("X-Linked-ETag", quoted(file.shown_id()));
  }
  return serve_content(scene.request, scene.fault.content.value_or(file.content),
                       quoted(file.shown_id()), std::move(headers));
}

}  // namespace mock
