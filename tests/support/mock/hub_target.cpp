// SPDX-License-Identifier: Apache-2.0
#include "support/mock/hub_target.hpp"

#include <algorithm>
#include <array>

namespace mock {

namespace {

using Parts = std::vector<std::string>;

constexpr std::array<std::string_view, 6> k_verbs = {"revision",       "commits", "tree",
                                                     "xet-read-token", "refs",    "paths-info"};

bool is_verb(const std::string& part) {
  return std::find(k_verbs.begin(), k_verbs.end(), part) != k_verbs.end();
}

bool is_commit_id(const std::string& part) {
  return part.size() == 40 && part.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string join_decoded(const Parts& parts, std::size_t begin, std::size_t end) {
  std::string text;
  for (std::size_t i = begin; i < std::min(end, parts.size()); ++i) {
    text += (i == begin ? "" : "/") + percent_decode(parts[i]);
  }
  return text;
}

// Takes a revision at parts[at] and the path after it. "refs/pr/1" may also come as three parts.
void take_revision_and_path(const Parts& parts, std::size_t at, HubTarget& target) {
  const bool is_split_ref = at + 2 < parts.size() && parts[at] == "refs";
  const std::size_t end = at + (is_split_ref ? 3 : 1);
  target.revision = join_decoded(parts, at, end);
  target.path = join_decoded(parts, end, parts.size());
}

RequestKind kind_of(const std::string& verb) {
  if (verb == "revision") {
    return RequestKind::info;
  }
  if (verb == "commits") {
    return RequestKind::commits;
  }
  return verb == "tree" ? RequestKind::tree : RequestKind::other_api;
}

void parse_model_api(const Parts& parts, HubTarget& target) {
  constexpr std::size_t k_repository = 2;
  for (const std::size_t at : {k_repository + 2, k_repository + 1}) {
    if (at < parts.size() && is_verb(parts[at])) {
      target.verb = parts[at];
      target.kind = kind_of(target.verb);
      target.repository = join_decoded(parts, k_repository, at);
      take_revision_and_path(parts, at + 1, target);
      return;
    }
  }
  if (parts.size() == k_repository + 1 || parts.size() == k_repository + 2) {
    target.kind = RequestKind::info;
    target.verb = "revision";
    target.repository = join_decoded(parts, k_repository, parts.size());
  }
}

}  // namespace

HubTarget parse_hub_target(const Request& request) {
  const Parts parts = split(std::string_view(request.path).substr(1), '/');
  HubTarget target;
  if (parts[0] == "api") {
    target.kind = RequestKind::other_api;
    if (parts.size() > 2 && parts[1] == "models") {
      parse_model_api(parts, target);
    } else if (parts.size() > 5 && parts[1] == "resolve-cache" && parts[2] == "models") {
      const std::size_t commit = is_commit_id(parts[4]) ? 4 : 5;
      target.kind = RequestKind::resolve_cache;
      target.repository = join_decoded(parts, 3, commit);
      target.revision = percent_decode(parts[commit]);
      target.path = join_decoded(parts, commit + 1, parts.size());
    } else if (parts.size() == 2) {
      target.verb = parts[1];
    }
    return target;
  }
  for (const std::size_t at : {std::size_t{2}, std::size_t{1}}) {
    if (at + 2 < parts.size() && (parts[at] == "resolve" || parts[at] == "raw")) {
      target.kind = parts[at] == "raw" ? RequestKind::raw : RequestKind::resolve;
      target.repository = join_decoded(parts, 0, at);
      take_revision_and_path(parts, at + 1, target);
      break;
    }
  }
  return target;
}

}  // namespace mock
