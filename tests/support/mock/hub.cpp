// SPDX-License-Identifier: Apache-2.0
#include "support/mock/hub.hpp"

#include "support/mock/digest.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace mock {

namespace {

std::string uuid() {
  const std::string digits = random_hex(16);
  return digits.substr(0, 8) + "-" + digits.substr(8, 4) + "-" + digits.substr(12, 4) + "-" +
         digits.substr(16, 4) + "-" + digits.substr(20);
}

void add_common_headers(const Request& request, std::int64_t now, const RateLimiter::Standing& rate,
                        Response& response) {
  const std::string trace = request.headers.get("X-Amzn-Trace-Id").value_or(uuid());
  response.headers.add("X-Request-Id",
                       fmt::format("Root=1-{:08x}-{};{}", now, random_hex(12), trace));
  response.headers.add("X-Powered-By", "huggingface-moon");
  response.headers.add("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.add("RateLimit", fmt::format("\"{}\";r={};t={}", rate.bucket, rate.remaining,
                                                rate.seconds_to_reset));
  response.headers.add("RateLimit-Policy",
                       fmt::format("\"fixed window\";\"{}\";q={};w={}", rate.bucket, rate.quota,
                                   rate.window_seconds));
}

}  // namespace

Hub::Hub(HubOptions options, Store& store, const Signer& signer, const Conditions& conditions)
    : m_options(std::move(options)),
      m_store(store),
      m_signer(signer),
      m_conditions(conditions),
      m_limiter(m_options.quotas) {}

void Hub::classify(const Request& request, RequestInfo& info) const {
  const HubTarget target = parse_hub_target(request);
  info.kind = target.kind;
  info.repository = target.repository;
  info.file = target.path;
}

Response Hub::answer(const Request& request, const Fault& fault) {
  const std::int64_t now = m_conditions.unix_now();
  const RequestKind kind = parse_hub_target(request).kind;
  const bool resolver = kind == RequestKind::raw || kind == RequestKind::resolve ||
                        kind == RequestKind::resolve_cache;
  const RateLimiter::Standing rate = m_limiter.take(resolver, now);
  Response response = rate.refused ? refuse_rate() : dispatch(request, fault);
  if (rate.refused) {
    response.headers.add("Retry-After", std::to_string(rate.seconds_to_reset));
  }
  add_common_headers(request, now, rate, response);
  return response;
}

Response Hub::dispatch(const Request& request, const Fault& fault) {
  const HubTarget target = parse_hub_target(request);
  const bool is_post = request.method == "POST" && target.verb == "paths-info";
  if (request.method != "GET" && !request.is_head() && !is_post) {
    return hub_error(405, "", "Method not allowed");
  }
  const Caller caller = identify(request);
  if (caller.token_is_invalid) {
    return refuse_invalid_token();
  }
  if (target.verb == "whoami-v2") {
    return who_am_i(caller);
  }
  if (target.repository.empty()) {
    return hub_error(404, "", "Sorry, we can't find the page you are looking for.");
  }
  const std::shared_ptr<const Repository> repository = m_store.find(target.repository);
  if (!repository || (repository->is_private && !repository->admits(caller.user))) {
    return refuse_repository(caller);
  }
  if (!repository->renamed_to.empty()) {
    std::string location = request.target;
    const std::string name = percent_encode(target.repository, true);
    location.replace(location.find(name), name.size(), repository->renamed_to);
    return redirect(307, location);
  }
  if (repository->disabled) {
    return refuse_disabled();
  }
  const bool has_access = !repository->gated || repository->admits(caller.user);
  const bool is_guarded = target.kind == RequestKind::raw || target.kind == RequestKind::resolve ||
                          target.kind == RequestKind::resolve_cache ||
                          target.verb == "xet-read-token" ||
                          (target.kind == RequestKind::commits && repository->gates_commits);
  if (is_guarded && !has_access) {
    return refuse_gated(*repository, caller, m_options.public_url);
  }
  const Commit* commit = repository->resolve(target.revision.empty() ? "main" : target.revision);
  if (commit == nullptr) {
    return refuse_revision(target.revision);
  }
  return in_repository({request, target, caller, *repository, *commit, fault, has_access});
}

Response Hub::in_repository(const Scene& scene) {
  switch (scene.target.kind) {
    case RequestKind::info:
      return info(scene);
    case RequestKind::commits:
      return m_options.mirror.has_commits ? commits(scene) : hub_error(404, "", "Not Found");
    case RequestKind::tree:
      return m_options.mirror.has_tree ? tree(scene) : hub_error(404, "", "Not Found");
    case RequestKind::resolve:
      return resolve(scene);
    case RequestKind::resolve_cache:
      return resolve_cache(scene);
    case RequestKind::raw:
      return raw(scene);
    default:
      break;
  }
  if (scene.target.verb == "paths-info") {
    return paths_info(scene);
  }
  return scene.target.verb == "refs" ? refs(scene) : hub_error(404, "", "Not Found");
}

Caller Hub::identify(const Request& request) const {
  const auto authorization = request.headers.get("Authorization");
  if (!authorization) {
    return {};
  }
  for (const auto& [user, token] : m_options.tokens) {
    if (*authorization == "Bearer " + token) {
      return {.user = user};
    }
  }
  return {.user = "", .token_is_invalid = true};
}

Response Hub::who_am_i(const Caller& caller) const {
  if (caller.is_stranger()) {
    return hub_error(401, "", "Invalid username or password.");
  }
  const nlohmann::json token = {{"displayName", caller.user}, {"role", "read"}};
  const nlohmann::json body = {{"type", "user"},
                               {"id", sha1_hex(caller.user).substr(0, 24)},
                               {"name", caller.user},
                               {"fullname", caller.user},
                               {"isPro", false},
                               {"orgs", nlohmann::json::array()},
                               {"auth", {{"type", "access_token"}, {"accessToken", token}}}};
  return json_response(200, body.dump());
}

std::string Hub::base_url(const Request& request) const {
  return (m_options.tls ? "https://" : "http://") + request.headers.get("Host").value_or("");
}

}  // namespace mock
