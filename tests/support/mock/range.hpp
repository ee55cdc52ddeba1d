// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/message.hpp"

namespace mock {

struct ServeRules {
  // CloudFront answers the whole file when the client would take gzip.
  bool ignores_range_when_gzip_allowed = false;
  // S3 behind the CDN refuses to send more than this without a Range.
  std::uint64_t largest_without_range = ~std::uint64_t{0};
};

// Answers a GET or HEAD for a content: 200, 206, 304, 400 or 416 by If-None-Match, If-Range and
// Range. `headers` go out with each of them. A list of ranges counts as no Range, as on S3.
Response serve_content(const Request& request, const Content& content, const std::string& etag,
                       Headers headers, const ServeRules& rules = {});

}  // namespace mock
