// SPDX-License-Identifier: Apache-2.0
#include <source/hugging_face/revision.hpp>

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <nai/util/json.hpp>

namespace nai::source {

namespace {

std::string checked(std::optional<std::string> commit, const http::Url& url) {
  if (!commit || !is_commit(*commit)) {
    throw util::Error(util::ErrorKind::content_mismatch,
                      fmt::format("{} does not answer as a Hugging Face Hub does: no full commit "
                                  "in its answer (is HF_ENDPOINT right?)",
                                  url.display()));
  }
  return *std::move(commit);
}

std::string first_commit(const HubAnswer& answer) {
  const bool has_one = answer.json.is_array() && !answer.json.empty();
  return checked(has_one ? util::string_member(answer.json.front(), "id") : std::nullopt,
                 answer.url);
}

bool says(const HubAnswer& answer, std::string_view code) {
  return answer.response.headers.find("X-Error-Code") == code;
}

}  // namespace

std::string resolve_revision(Hub& hub, const std::stop_token& stop) {
  const HuggingFaceOptions& options = hub.options();
  // The Hub's repositories are created with this branch as their default, and its own clients send
  // it by name.
  const std::string revision = options.revision.empty() ? "main" : options.revision;
  const std::string encoded = http::percent_encode(revision);
  const std::string purpose =
      fmt::format("asking for the commit of {} at revision {}", options.repository, revision);

  const HubAnswer commits = hub.get_json(hub.api_url("/commits/" + encoded), purpose, stop);
  if (commits.ok()) {
    return first_commit(commits);
  }
  // A mirror may lack the endpoint, and its default branch may have another name.
  const bool without_main = options.revision.empty() && says(commits, "RevisionNotFound");
  if (!commits.lacks_endpoint() && !without_main) {
    throw hub.without_token(commits.error());
  }
  const HubAnswer info =
      hub.get_json(hub.api_url(without_main ? "" : "/revision/" + encoded), purpose, stop);
  if (!info.ok()) {
    throw hub.without_token(info.lacks_endpoint() || without_main ? commits.error() : info.error());
  }
  return checked(util::string_member(info.json, "sha"), info.url);
}

bool is_commit(std::string_view text) {
  return text.size() == 40 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace nai::source
