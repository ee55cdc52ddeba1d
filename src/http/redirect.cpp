// SPDX-License-Identifier: Apache-2.0
#include <nai/http/redirect.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <nai/util/text.hpp>

namespace nai::http {

namespace {

constexpr std::size_t k_max_hops = 10;

}  // namespace

RedirectChain::RedirectChain(Url start) { m_visited.push_back(std::move(start)); }

bool RedirectChain::follow(const Response& response) {
  const Url& from = current();
  auto target = from.resolve(response.headers.find("Location").value_or(""));
  if (!target) {
    m_problem = fmt::format("{} redirects to something that is not an http or https address",
                            from.display());
    return false;
  }
  if (from.scheme() == "https" && target->scheme() == "http") {
    m_problem = fmt::format("{} redirects from https to http ({}), which is refused",
                            from.display(), target->host());
    return false;
  }
  if (m_visited.size() > k_max_hops) {
    m_problem = fmt::format("{} redirects more than {} times, the last to {}",
                            m_visited.front().display(), k_max_hops, target->display());
    return false;
  }
  const std::string wire = target->on_the_wire();
  if (std::any_of(m_visited.begin(), m_visited.end(),
                  [&](const Url& visited) { return visited.on_the_wire() == wire; })) {
    m_problem = fmt::format("{} redirects in a circle, back to {}", m_visited.front().display(),
                            target->display());
    return false;
  }
  m_left_origin = m_left_origin || !target->same_origin(m_visited.front());
  m_visited.push_back(*std::move(target));
  return true;
}

}  // namespace nai::http
