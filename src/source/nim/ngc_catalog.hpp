// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include <nai/digest/digest.hpp>
#include <nai/util/error.hpp>

#include <source/nim/ngc_session.hpp>

namespace nai::source {

// One version of an NGC model: whose it is, and its addresses.
struct NgcVersion {
  std::string repository;  // "org/team/model" or "org/model"
  std::string version;

  // "org/team": what tokens are made for.
  [[nodiscard]] std::string scope() const { return repository.substr(0, repository.rfind('/')); }
  // v2/org/{org}/team/{team}/models/{model}.
  [[nodiscard]] std::string model_path() const;
  // .../versions/{version}/files[/{path}], encoded.
  [[nodiscard]] std::string files_path(std::string_view path = {}) const;
  [[nodiscard]] std::string to_string() const { return repository + ":" + version; }
};

// What NGC tells of a file before it is fetched.
struct NgcFacts {
  std::optional<std::uint64_t> size;
  std::optional<digest::Digest> sha256;
  std::optional<digest::Digest> blake3;
};

struct NgcListing {
  std::map<std::string, NgcFacts> files;
  // False when NGC gave no list, and a file that is not in here may exist all the same.
  bool complete = false;
};

// An Error for an answer of NGC's, or the lack of one, that asking again would not change.
[[nodiscard]] util::Error ngc_error(const NgcSession& session, const http::Response& response,
                                    std::string_view body, const std::string& what);
// The same when nothing answered.
[[nodiscard]] util::Error ngc_unreachable(const NgcSession& session,
                                          const http::TransportError& error, const http::Url& url,
                                          const std::string& what);

// Lists the files of a version. Where NGC refuses lists ("Org contex missing"), the checksums come
// from the version's own file checksums.blake3. Throws Error.
[[nodiscard]] NgcListing list_version(NgcSession& session, const Connection& connection,
                                      const NgcVersion& version, const std::stop_token& stop);

}  // namespace nai::source
