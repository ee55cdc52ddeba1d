// SPDX-License-Identifier: Apache-2.0
#include <source/hugging_face/shortcut.hpp>

#include <string>
#include <string_view>

namespace nai::source {

namespace {

constexpr std::string_view k_resolve = "/resolve/";

std::optional<http::Url> expected(const http::Url& question, const Artifact& artifact) {
  const std::string& path = question.path();
  const auto middle = path.find(k_resolve);
  // How a path with encoded characters is encoded once more has not been seen.
  if (artifact.digest.algorithm() != digest::Algorithm::git_blob_sha1 ||
      middle == std::string::npos || path.find('%') != std::string::npos) {
    return std::nullopt;
  }
  return question.with_path("/api/resolve-cache/models" + path.substr(0, middle) + "/" +
                                path.substr(middle + k_resolve.size()),
                            http::percent_encode(path) + "=&etag=" +
                                http::percent_encode("\"" + artifact.digest.hex() + "\""));
}

}  // namespace

std::optional<http::Url> Shortcut::past(const http::Url& question, const Artifact& artifact) const {
  return m_state == State::confirmed ? expected(question, artifact) : std::nullopt;
}

void Shortcut::learn(const http::Url& question, const Artifact& artifact, const http::Url& target) {
  const auto guess = expected(question, artifact);
  if (guess && guess->on_the_wire() == target.on_the_wire()) {
    State unknown = State::unknown;
    m_state.compare_exchange_strong(unknown, State::confirmed);
  }
}

}  // namespace nai::source
