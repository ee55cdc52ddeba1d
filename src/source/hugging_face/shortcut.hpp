// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>

#include <nai/http/url.hpp>
#include <nai/source/manifest.hpp>

namespace nai::source {

// Where the Hub has its regular (not LFS) files. It redirects each from /resolve to
// /api/resolve-cache, at an address that the file's path and digest tell. To ask there at once
// saves every other request for a regular file. As that is nowhere documented, it is only tried:
// any answer but the file ends that until the Hub itself redirects to just that address, and a
// refusal after it had worked ends it for good. Thread-safe.
class Shortcut {
 public:
  // Where `question`, the /resolve address of a file, would be redirected to; empty when that is
  // not to be used.
  [[nodiscard]] std::optional<http::Url> past(const http::Url& question,
                                              const Artifact& artifact) const;
  // Whether a file came from there, or the Hub redirected there.
  [[nodiscard]] bool is_confirmed() const { return m_state == State::confirmed; }
  // The file that was asked for came from there.
  void confirm();
  // The Hub redirected `question` to `target`.
  void learn(const http::Url& question, const Artifact& artifact, const http::Url& target);
  // An answer there was not what it should be.
  void give_up();

 private:
  enum class State { untried, doubtful, confirmed, wrong };

  void move(State from, State to) { m_state.compare_exchange_strong(from, to); }

  std::atomic<State> m_state{State::untried};
};

}  // namespace nai::source
