// SPDX-License-Identifier: Apache-2.0
#include "support/mock/hub_answers.hpp"

#include <nlohmann/json.hpp>

namespace mock {

Response hub_error(int status, const std::string& code, const std::string& message) {
  Response response = json_response(status, nlohmann::json{{"error", message}}.dump());
  if (!code.empty()) {
    response.headers.add("X-Error-Code", code);
  }
  response.headers.add("X-Error-Message", message);
  if (status == 401) {
    response.headers.add("WWW-Authenticate",
                         "Bearer realm=\"Authentication required\", charset=\"UTF-8\"");
  }
  return response;
}

Response refuse_invalid_token() {
  return hub_error(401, "", "Invalid credentials in Authorization header");
}

Response refuse_repository(const Caller& caller) {
  // A stranger is not told whether the repository is missing or private.
  return caller.is_stranger() ? hub_error(401, "RepoNotFound", "Invalid username or password.")
                              : hub_error(404, "RepoNotFound", "Repository not found");
}

Response refuse_revision(const std::string& revision) {
  return hub_error(404, "RevisionNotFound", "Invalid rev id: " + revision);
}

Response refuse_entry(const std::string& path, const std::string& revision) {
  return hub_error(404, "EntryNotFound", path + " does not exist on \"" + revision + "\"");
}

Response refuse_disabled() { return hub_error(403, "", "Access to this resource is disabled."); }

Response refuse_gated(const Repository& repository, const Caller& caller,
                      const std::string& public_url) {
  const std::string restricted = "Access to model " + repository.id + " is restricted";
  if (caller.is_stranger()) {
    return hub_error(
        401, "GatedRepo",
        restricted +
            ". You must have access to it and be authenticated to access it. Please log in.");
  }
  return hub_error(403, "GatedRepo",
                   restricted + " and you are not in the authorized list. Visit " + public_url +
                       "/" + repository.id + " to ask for access.");
}

Response refuse_rate() {
  return hub_error(429, "",
                   "We had to rate limit your IP. To continue using our service, create a HF "
                   "account or login to your "
                   "existing account, and make sure you pass a HF_TOKEN if you're using the API.");
}

Response redirect(int status, const std::string& location) {
  Response response =
      text_response(status, std::string(reason_phrase(status)) + ". Redirecting to " + location);
  response.headers.add("Location", location);
  response.headers.add("Vary", "Origin, Accept");
  return response;
}

}  // namespace mock
