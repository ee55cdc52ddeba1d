// SPDX-License-Identifier: Apache-2.0
#include "support/mock/nim_sites.hpp"

#include "support/mock/digest.hpp"
#include "support/mock/range.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace mock {

namespace {

using nlohmann::ordered_json;

Response registry_error(int status, const char* code, const char* message) {
  return json_response(
      status,
      ordered_json{{"errors", {{{"code", code}, {"message", message}, {"detail", nullptr}}}}}
          .dump());
}

Response ngc_failure(int status, const char* code, const char* description) {
  return json_response(status,
                       ordered_json{{"requestStatus",
                                     {{"statusCode", code},
                                      {"statusDescription", description},
                                      {"requestId", "00000000-0000-0000-0000-000000000000"}}}}
                           .dump());
}

std::string basic(const std::string& user, const std::string& password) {
  return "Basic " + base64(user + ":" + password);
}

Response bytes_of(const Request& request, const RegistryObject& object, const std::string& digest) {
  Response response =
      serve_content(request, object.content, "\"" + digest + "\"",
                    {{"Content-Type", object.media_type}, {"Docker-Content-Digest", digest}});
  response.is_content = false;
  return response;
}

}  // namespace

std::string NimLocations::sign(const std::string& path, const Content& content,
                               const std::string& etag) {
  m_catalog.publish(path, content, etag);
  const Location location{.host = m_host,
                          .path = path,
                          .file_name = "file",
                          .signed_at = m_conditions.unix_now(),
                          .lifetime = m_options.location_lifetime};
  return (m_options.tls ? "https://" : "http://") + m_host + path + "?" +
         m_signer.query(location, LocationStyle::cloudfront);
}

NimFrontSite::NimFrontSite(const NimServiceOptions& options, NimCatalog& catalog,
                           NimLocations& locations, Journal& journal)
    : m_options(options), m_catalog(catalog), m_locations(locations), m_journal(journal) {}

void NimFrontSite::classify(const Request& request, RequestInfo& info) const {
  info.kind = RequestKind::other_api;
  info.file = percent_decode(request.path);
}

Response NimFrontSite::answer(const Request& request, const Fault&) {
  if (request.path == "/proxy_auth") {
    return token(request);
  }
  if (request.path == "/token") {
    return api_token(request);
  }
  if (request.path == "/v3/keys/get-caller-info") {
    return caller_info(request);
  }
  return request.path.starts_with("/v2/org/") ? api(request) : registry(request);
}

// /v2/<name>/manifests/<version> and /v2/<name>/blobs/<digest>
Response NimFrontSite::registry(const Request& request) {
  for (const std::string part : {"/manifests/", "/blobs/"}) {
    const auto at = request.path.rfind(part);
    if (at == std::string::npos || !request.path.starts_with("/v2/")) {
      continue;
    }
    const std::string repository = request.path.substr(4, at - 4);
    const std::string version = request.path.substr(at + part.size());
    if (!admits(request, repository)) {
      return challenge(repository);
    }
    if (part == "/blobs/") {
      return blob(request, version);
    }
    const auto manifest = m_catalog.manifest(repository, version);
    if (!manifest) {
      return registry_error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    }
    return bytes_of(request, *manifest, "sha256:" + manifest->content.sha256());
  }
  return registry_error(404, "UNSUPPORTED", "not found");
}

Response NimFrontSite::challenge(const std::string& repository) const {
  Response response = registry_error(401, "UNAUTHORIZED", "authentication required");
  const std::string realm = (m_options.tls ? "https://" : "http://") + m_host + "/proxy_auth";
  const std::string scope = "repository:" + repository + ":pull,push";
  std::string field = "Bearer realm=\"" + realm + "\"";
  switch (m_options.challenge) {
    case ChallengeStyle::nvidia:
      field += ",scope=\"" + scope + "\"";
      break;
    case ChallengeStyle::query_in_realm:
      field = "Bearer realm=\"" + realm + "?scope=" + scope + "\"";
      break;
    case ChallengeStyle::no_scope:
      break;
    case ChallengeStyle::with_service:
      field += ",service=\"mirror.test\",scope=\"" + scope + "\"";
      break;
    case ChallengeStyle::basic:
      field = "Basic realm=\"Registry Realm\"";
      break;
  }
  response.headers.set("WWW-Authenticate", field);
  return response;
}

Response NimFrontSite::token(const Request& request) {
  const std::string scope = request.parameter("scope").value_or("");
  if (!scope.starts_with("repository:") || !scope.ends_with(":pull") ||
      std::count(scope.begin(), scope.end(), ':') != 2) {
    m_journal.add_violation("a token was asked for the scope \"" + scope + "\"");
  }
  const bool wants_service = m_options.challenge == ChallengeStyle::with_service;
  if (wants_service != (request.parameter("service") == "mirror.test")) {
    m_journal.add_violation("a token was asked with a wrong service");
  }
  const std::string repository = scope.substr(11, scope.rfind(':') - 11);
  const auto authorization = request.headers.get("Authorization");
  if (authorization && *authorization != basic(m_options.user, m_options.key)) {
    return registry_error(401, "UNAUTHORIZED", "authentication required");
  }
  if (!m_catalog.has_repository(repository)) {
    return registry_error(403, "DENIED", "Access Denied");
  }
  if (!authorization && !m_catalog.is_public(repository)) {
    return registry_error(401, "UNAUTHORIZED", "authentication required");
  }
  const std::string token = random_hex(16);
  const std::lock_guard lock(m_mutex);
  m_tokens[token] = {repository, 0};
  return json_response(200, ordered_json{{"token", token}, {"expires_in", 3600}}.dump());
}

bool NimFrontSite::admits(const Request& request, const std::string& repository) {
  const std::string authorization = request.headers.get("Authorization").value_or("");
  if (m_options.challenge == ChallengeStyle::basic) {
    return authorization == basic(m_options.user, m_options.key);
  }
  if (authorization.starts_with("Basic ")) {
    m_journal.add_violation("a user and password were sent to the registry itself");
  }
  const std::lock_guard lock(m_mutex);
  const auto found = authorization.starts_with("Bearer ") ? m_tokens.find(authorization.substr(7))
                                                          : m_tokens.end();
  if (found == m_tokens.end() || found->second.repository != repository) {
    return false;
  }
  return m_options.token_uses == 0 || ++found->second.uses <= m_options.token_uses;
}

Response NimFrontSite::blob(const Request& request, const std::string& digest) {
  const auto object = m_catalog.blob(digest);
  if (!object) {
    return registry_error(404, "BLOB_UNKNOWN", "blob unknown to registry");
  }
  if (!m_options.redirects_blobs) {
    return bytes_of(request, *object, digest);
  }
  Response response;
  response.status = 307;
  response.headers.set("Location", m_locations.sign("/layers/" + digest.substr(7), object->content,
                                                    "\"" + digest + "\""));
  return response;
}

Response NimFrontSite::caller_info(const Request& request) {
  if (request.body != "credentials=" + percent_encode(m_options.key) || !is_right_bearer(request)) {
    return ngc_failure(401, "UNAUTHORIZED", "Invalid API key");
  }
  return json_response(200, R"({"type":"PERSONAL_KEY","orgName":"acme"})");
}

// Personal keys are bearer tokens themselves, older ones are not.
bool NimFrontSite::is_right_bearer(const Request& request) {
  const std::string authorization = request.headers.get("Authorization").value_or("");
  if (key_is_bearer()) {
    return authorization == "Bearer " + m_options.key;
  }
  if (authorization.find(m_options.key) != std::string::npos) {
    m_journal.add_violation("a key of the older kind was sent as a token");
  }
  const std::lock_guard lock(m_mutex);
  const auto found = authorization.starts_with("Bearer ")
                         ? m_api_tokens.find(authorization.substr(7))
                         : m_api_tokens.end();
  return found != m_api_tokens.end() &&
         (m_options.api_token_uses == 0 || ++found->second <= m_options.api_token_uses);
}

// authn.nvidia.com's exchange of an older key.
Response NimFrontSite::api_token(const Request& request) {
  if (request.parameter("service") != "ngc" ||
      !request.parameter("scope").value_or("").starts_with("group/ngc:")) {
    m_journal.add_violation("an API token was asked for with " + request.query);
  }
  if (key_is_bearer() ||
      request.headers.get("Authorization") != basic("$oauthtoken", m_options.key)) {
    return ngc_failure(401, "UNAUTHORIZED", "Invalid credentials");
  }
  const std::string token = random_hex(16);
  const std::lock_guard lock(m_mutex);
  m_api_tokens[token] = 0;
  return json_response(200, ordered_json{{"token", token}, {"expires_in", 3600}}.dump());
}

Response NimFrontSite::api(const Request& request) {
  std::vector<std::string> parts = split(request.path.substr(1), '/');
  for (std::string& part : parts) {
    part = percent_decode(part);
  }
  if (parts.size() >= 6 && parts[parts.size() - 2] == "repos") {
    return image_facts(parts);
  }
  if (!is_right_bearer(request)) {
    return ngc_failure(401, "UNAUTHORIZED", "Unauthorized");
  }
  return model_files(request, parts);
}

// v2/org/{org}/team/{team}/repos/{image}
Response NimFrontSite::image_facts(const std::vector<std::string>& parts) {
  const std::string repository =
      parts.size() == 7 ? parts[2] + "/" + parts[4] + "/" + parts[6] : parts[2] + "/" + parts[4];
  if (!m_catalog.has_repository(repository)) {
    return ngc_failure(404, "NOT_FOUND", "Repository not found");
  }
  return json_response(200, ordered_json{{"tags", m_catalog.tags(repository)}}.dump());
}

// v2/org/{org}/team/{team}/models/{name}/[versions/]{version}/files[/{path}]
Response NimFrontSite::model_files(const Request& request, const std::vector<std::string>& parts) {
  const auto models = std::find(parts.begin(), parts.end(), "models");
  const auto files = std::find(parts.begin(), parts.end(), "files");
  const auto between = files - models;
  if (files == parts.end() || models - parts.begin() < 3 || between < 3 || between > 4) {
    return ngc_failure(404, "NOT_FOUND", "no such resource");
  }
  std::string repository = parts[2];
  if (parts[3] == "team") {
    repository += "/" + parts[4];
  }
  repository += "/" + *(models + 1);
  const auto model = m_catalog.model(repository, *(files - 1));
  if (!model) {
    return ngc_failure(404, "NOT_FOUND", "Version not found");
  }
  std::string path;
  for (auto part = files + 1; part != parts.end(); ++part) {
    path += (path.empty() ? "" : "/") + *part;
  }
  return path.empty() ? list_files(request, *model, between == 3) : one_file(*model, path);
}

Response NimFrontSite::list_files(const Request& request, const NgcModel& model, bool presigned) {
  if (m_options.org_context_missing) {
    return ngc_failure(400, "INVALID_REQUEST", "Org contex missing");
  }
  if (m_options.lists_presigned_only && !presigned) {
    return ngc_failure(404, "NOT_FOUND", "no such resource");
  }
  std::vector<NgcModelFile> files;
  std::copy_if(model.files.begin(), model.files.end(), std::back_inserter(files),
               [](const NgcModelFile& file) { return file.listed; });
  const std::size_t size = m_options.page_size;
  const std::size_t pages = std::max<std::size_t>(1, (files.size() + size - 1) / size);
  const std::size_t page = std::stoul(request.parameter("page-number").value_or("1"));
  ordered_json json = {{"requestStatus", {{"statusCode", "SUCCESS"}}},
                       {"paginationInfo", {{"totalPages", pages}, {"totalResults", files.size()}}}};
  if (!m_options.lists_count_pages) {
    json["paginationInfo"].erase("totalPages");
  }
  for (const char* name : {"urls", "filepath", "sha256_base64", "modelFiles"}) {
    if (presigned != (std::string(name) == "modelFiles")) {
      json[name] = ordered_json::array();
    }
  }
  for (std::size_t i = (page - 1) * size; i < std::min(files.size(), page * size); ++i) {
    const NgcModelFile& file = files[i];
    const std::string sha256 =
        file.listed_sha256_base64.value_or(base64_of_hex(file.content.sha256()));
    if (presigned) {
      json["urls"].push_back("https://unused.test/");
      json["filepath"].push_back(file.path);
      json["sha256_base64"].push_back(sha256);
    } else {
      json["modelFiles"].push_back({{"path", file.path},
                                    {"sizeInBytes", file.listed_size.value_or(file.content.size())},
                                    {"sha256_base64", sha256}});
    }
  }
  return json_response(200, json.dump());
}

Response NimFrontSite::one_file(const NgcModel& model, const std::string& path) {
  const auto file = std::find_if(model.files.begin(), model.files.end(),
                                 [&](const NgcModelFile& f) { return f.path == path; });
  if (file == model.files.end()) {
    return ngc_failure(404, "NOT_FOUND", "File not found");
  }
  Response response;
  response.status = 302;
  response.headers.set(
      "Location",
      m_locations.sign(
          "/org/" + percent_encode(model.repository + "/" + model.version + "/" + path, true),
          file->content, file->etag));
  return response;
}

NimContentSite::NimContentSite(NimCatalog& catalog, NimLocations& locations,
                               const Conditions& conditions, Journal& journal)
    : m_catalog(catalog), m_locations(locations), m_conditions(conditions), m_journal(journal) {}

void NimContentSite::classify(const Request& request, RequestInfo& info) const {
  info.kind = RequestKind::content;
  info.file = percent_decode(request.path);
}

Response NimContentSite::answer(const Request& request, const Fault& fault) {
  const auto refuse = [](const char* code) {
    return text_response(403, std::string("<Error><Code>") + code + "</Code></Error>",
                         "application/xml");
  };
  if (request.headers.has("Authorization")) {
    m_journal.add_violation("Authorization was sent to the content host: " + request.path);
    return refuse("AccessDenied");
  }
  if (m_locations.signer().check(m_locations.host(), request.path, request.query,
                                 m_conditions.unix_now()) != SignatureState::valid) {
    return refuse("AccessDenied");
  }
  const auto published = m_catalog.published(request.path);
  if (!published) {
    return text_response(404, "<Error><Code>NoSuchKey</Code></Error>", "application/xml");
  }
  Response response = serve_content(request, fault.content.value_or(published->content),
                                    published->etag, {{"Content-Type", "binary/octet-stream"}});
  if (published->etag.empty()) {
    response.headers.remove("ETag");
  }
  return response;
}

}  // namespace mock
