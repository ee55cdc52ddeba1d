// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include <nai/source/source.hpp>

#include <source/hugging_face/hub.hpp>
#include <source/hugging_face/located_fetch.hpp>
#include <source/hugging_face/range_body.hpp>
#include <source/hugging_face/shortcut.hpp>

namespace nai::source {

// Gets ranges of one commit's files. The Hub is asked once for each file, with the first range; the
// location that it redirects to serves all further ranges while it lives. Thread-safe.
class Fetcher {
 public:
  Fetcher(const Hub& hub, std::string commit);

  // See Source::fetch.
  [[nodiscard]] FetchResult fetch(const RangeRequest& request, const std::stop_token& stop);
  void forget(const Artifact& artifact) { m_locations.forget(artifact.path); }

 private:
  // One way from an address through redirects to content.
  struct Trip : Departure {
    const RangeRequest& request;
    bool by_shortcut = false;
  };

  void take_shortcut(Trip& trip) const;
  [[nodiscard]] bool led_astray(const Trip& trip, const http::Response& response,
                                const RangeBody& body) const;
  [[nodiscard]] Outcome run(Trip& trip, const std::stop_token& stop);
  [[nodiscard]] Outcome judge_content(Trip& trip, const http::Response& response,
                                      const RangeBody& body, const std::stop_token& stop);
  [[nodiscard]] Outcome judge_error(Trip& trip, const http::Response& response,
                                    const RangeBody& body);
  [[nodiscard]] Outcome contradiction(Trip& trip, const std::string& cause);

  [[nodiscard]] Mismatch check_hub_head(const Trip& trip, const http::Response& head) const;
  [[nodiscard]] Mismatch accept_content(Trip& trip, const http::Response& head);
  void settle(Trip& trip, const http::Response& head);
  [[nodiscard]] std::optional<FetchResult> rate_limited_now();
  void note_rate_limit(std::optional<std::chrono::seconds> wait);

  const Hub* m_hub;
  std::string m_commit;
  LocationCache m_locations;
  Shortcut m_shortcut;
  std::mutex m_mutex;
  util::SteadyTime m_hub_not_before{};
};

}  // namespace nai::source
