// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>

#include <nai/http/url.hpp>
#include <nai/source/manifest.hpp>

namespace nai::source {

// Where the Hub has its regular (not LFS) files. It redirects each from /resolve to
// /api/resolve-cache, at an address that the file's path and digest tell. That is nowhere
// documented, so it is used only once the Hub itself has redirected to just that address, and not
// any more after the first refusal; it saves every other request for a regular file. Thread-safe.
class Shortcut {
 public:
  // Where `question`, the /resolve address of a file, would be redirected to; empty when it is not
  // known to be so.
  [[nodiscard]] std::optional<http::Url> past(const http::Url& question,
                                              const Artifact& artifact) const;
  // The Hub redirected `question` to `target`.
  void learn(const http::Url& question, const Artifact& artifact, const http::Url& target);
  // An answer there was not what it should be.
  void give_up() { m_state = State::wrong; }

 private:
  enum class State { unknown, confirmed, wrong };

  std::atomic<State> m_state{State::unknown};
};

}  // namespace nai::source
