// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <nai/http/message.hpp>
#include <nai/http/url.hpp>

namespace nai::http {

// The way one request takes through redirects, under the rules that keep it finite and safe: at
// most 10 hops, no loop, never from https to http.
class RedirectChain {
 public:
  explicit RedirectChain(Url start);

  // Moves to where a 3xx with a Location sends us; false, with problem() set, when it must not be
  // followed. Relative targets resolve against the current URL and keep their query.
  [[nodiscard]] bool follow(const Response& response);

  [[nodiscard]] const Url& current() const { return m_visited.back(); }
  // Some hop went to another origin than the start's. Credentials stay behind from there on, also
  // when a later hop comes back: whoever sent it back is not who they were meant for.
  [[nodiscard]] bool left_origin() const { return m_left_origin; }
  // One line for people.
  [[nodiscard]] const std::string& problem() const { return m_problem; }

 private:
  std::vector<Url> m_visited;
  bool m_left_origin = false;
  std::string m_problem;
};

}  // namespace nai::http
