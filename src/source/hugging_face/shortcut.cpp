// SPDX-License-Identifier: Apache-2.0
#include <source/hugging_face/shortcut.hpp>

#include <string>
#include <string_view>

namespace nai::source {

namespace {

constexpr std::string_view k_resolve = "/resolve/";

std::optional<http::Url> address_of(const http::Url& question, const Artifact& artifact) {
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
  const State state = m_state;
  return state == State::untried || state == State::confirmed ? address_of(question, artifact)
                                                              : std::nullopt;
}

void Shortcut::confirm() { move(State::untried, State::confirmed); }

void Shortcut::learn(const http::Url& question, const Artifact& artifact, const http::Url& target) {
  const auto address = address_of(question, artifact);
  if (address && address->on_the_wire() == target.on_the_wire()) {
    move(State::untried, State::confirmed);
    move(State::doubtful, State::confirmed);
  }
}

void Shortcut::give_up() {
  move(State::confirmed, State::wrong);
  move(State::untried, State::doubtful);
}

}  // namespace nai::source
