// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include <nai/http/redirect.hpp>

#include <source/hugging_face/located_fetch.hpp>
#include <source/hugging_face/range_body.hpp>
#include <source/nim/ngc_catalog.hpp>

namespace nai::source {

// One file of NGC's.
struct NgcFile {
  NgcVersion version;
  std::string path;
  std::string etag = {};  // as found by probe(); another one means another file

  [[nodiscard]] std::string to_string() const { return version.to_string() + "/" + path; }
};

// What the server of a file's content says of it.
struct NgcProbe {
  std::uint64_t size = 0;
  std::string etag;  // without quotes and weakness; empty when there is none
};

// Gets ranges of NGC's files: the API is asked for a signed location, which serves all ranges of a
// file while it lives. Thread-safe.
class NgcFetcher {
 public:
  NgcFetcher(NgcSession& session, const Connection& connection);

  // See Source::fetch. The location is remembered under the artifact's path.
  [[nodiscard]] FetchResult fetch(const NgcFile& file, const RangeRequest& range,
                                  const std::stop_token& stop);
  // Asks for the first byte, with retries. Throws Error.
  [[nodiscard]] NgcProbe probe(const NgcFile& file, const std::stop_token& stop);
  // Where the API is asked for it, without query and user info.
  [[nodiscard]] std::string url_of(const NgcFile& file) const;
  void forget(const std::string& path) { m_locations.forget(path); }

 private:
  struct Trip;

  [[nodiscard]] bool is_api(const http::RedirectChain& chain) const;
  [[nodiscard]] http::Request request(Trip& trip, const std::stop_token& stop);
  [[nodiscard]] Outcome run(Trip& trip, const std::stop_token& stop);
  [[nodiscard]] Outcome judge(Trip& trip, const http::Response& response, const RangeBody& body,
                              const std::stop_token& stop);
  [[nodiscard]] Mismatch check_head(Trip& trip, const http::Response& head);
  void settle(Trip& trip, const http::Response& head);
  // Why it is no use; throws Error when asking again will not change it.
  void check_refusal(Trip& trip, const http::Response& response, std::string_view body);

  NgcSession& m_session;
  const Connection& m_connection;
  LocationCache m_locations;
};

}  // namespace nai::source
