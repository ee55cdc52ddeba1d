// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <nai/http/client.hpp>
#include <nai/http/retry.hpp>
#include <nai/http/url.hpp>
#include <nai/source/source.hpp>
#include <nai/util/clock.hpp>
#include <nai/util/log.hpp>

namespace nai::source {

// Which repository, and how to talk to the Hub.
struct HuggingFaceOptions {
  http::Url endpoint;                     // https://huggingface.co or a mirror
  std::string repository;                 // "org/name" or "name", from parse_repository()
  std::string revision;                   // as given; empty means the default branch
  std::string token;                      // empty: anonymous; sent to the endpoint's origin only
  std::vector<std::string> include = {};  // fnmatch patterns; empty: the selection rule decides
  std::vector<std::string> exclude = {};
  http::RetryPolicy retry = {};
};

// `client`, `clock` and `log` must outlive the source. Each retry is logged with its cause and
// wait.
[[nodiscard]] std::unique_ptr<Source> make_hugging_face_source(HuggingFaceOptions options,
                                                               http::Client& client,
                                                               util::Clock& clock, util::Log& log);

// Whose token it is.
struct TokenOwner {
  std::string name;
  std::string role;  // "read", "write", "fineGrained"; empty when the Hub does not tell
};

// Asks the Hub about the token in `options`, with their retries. Empty when it knows no such
// question, as many mirrors. Throws Error{unauthorized} with the Hub's words when it refuses the
// token.
[[nodiscard]] std::optional<TokenOwner> who_am_i(const HuggingFaceOptions& options,
                                                 http::Client& client, util::Clock& clock,
                                                 util::Log& log, const std::stop_token& stop);

// "org/name" from REPO_ID: accepts the bare id and the prefixes https://huggingface.co/,
// huggingface.co/, hf.co/, huggingface.com/ (http too). Throws Error{usage} with the reason
// otherwise: the rule is
// `^(\b[\w\-.]+\b/)?\b[\w\-.]{1,96}\b$`, no "--", no "..", no ".git" at the end.
[[nodiscard]] std::string parse_repository(std::string_view repo_id);

}  // namespace nai::source
