// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <nai/http/message.hpp>

namespace nai::http {
namespace {

using std::chrono::seconds;

constexpr std::chrono::system_clock::time_point k_now{seconds{784'111'777}};

TEST_CASE("headers: names without case, the first counts", "[http]") {
  Headers headers;
  headers.add("ETag", "a");
  headers.add("etag", "b");
  CHECK(headers.find("ETAG") == "a");
  CHECK_FALSE(headers.find("ETa"));
  CHECK(headers.all().size() == 2);
}

TEST_CASE("content range: good ones", "[http]") {
  const auto range = parse_content_range("bytes 10-19/100");
  REQUIRE(range);
  CHECK(range->range == util::ByteRange{10, 10});
  CHECK(range->total == 100);
  CHECK(parse_content_range(" Bytes  0-0/1 ")->range == util::ByteRange{0, 1});
  const auto unknown = parse_content_range("bytes 0-18446744073709551614/*");
  REQUIRE(unknown);
  CHECK_FALSE(unknown->total);
  CHECK(unknown->range.length == 18'446'744'073'709'551'615U);
}

TEST_CASE("content range: bad ones", "[http]") {
  for (const std::string value : {"",
                                  "bytes",
                                  "bytes ",
                                  "bytes=0-1/2",
                                  "items 0-1/2",
                                  "bytes 0-1",
                                  "bytes 0/2",
                                  "bytes -1/2",
                                  "bytes 0-/2",
                                  "bytes 2-1/5",
                                  "bytes 0-5/5",
                                  "bytes 0-1/",
                                  "bytes 0-1/x",
                                  "bytes 0-1/-2",
                                  "bytes +0-1/2",
                                  "bytes 0x0-1/2",
                                  "bytes 0 - 1/2",
                                  "bytes */5",
                                  "bytes 0-1/2/3",
                                  "bytes 0-18446744073709551615/*",
                                  "bytes 0-18446744073709551616/*",
                                  "bytes0-1/2",
                                  "bytes 0-1,3-4/9"}) {
    INFO(value);
    CHECK_FALSE(parse_content_range(value));
  }
}

TEST_CASE("unsatisfied range", "[http]") {
  CHECK(parse_unsatisfied_range("bytes */1000") == 1000);
  CHECK_FALSE(parse_unsatisfied_range("bytes */*"));
  CHECK_FALSE(parse_unsatisfied_range("bytes 0-1/2"));
  CHECK_FALSE(parse_unsatisfied_range(""));
}

TEST_CASE("link: the next page", "[http]") {
  CHECK(parse_next_link("<https://h/a?cursor=b,c;d>; rel=\"next\"") == "https://h/a?cursor=b,c;d");
  CHECK(parse_next_link("</p>; rel=prev, </n>; title=\"a, <b>; rel=next\"; rel=NEXT") == "/n");
  CHECK(parse_next_link("<x>;rel=\"first next\"") == "x");
  CHECK(parse_next_link("<x>; REL = \"next\"") == "x");
  for (const std::string value :
       {"", "<x>", "<>; rel=next", "x; rel=next", "<x; rel=next", "<x>; rel=nextpage",
        "<x>; rel=\"prev\"", "<x>; foo=next", "<x>; rel", ";;;,,,", "\"<x>; rel=next"}) {
    INFO(value);
    CHECK_FALSE(parse_next_link(value));
  }
}

TEST_CASE("http dates: the three forms", "[http]") {
  CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == k_now);
  CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == k_now);
  CHECK(parse_http_date("Sun Nov  6 08:49:37 1994") == k_now);
  for (const std::string value :
       {"", "now", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Now 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov 99999 08:49:37 GMT",
        "Sun, 06 Nov 1900 08:49:37 GMT", "Sun, 06 Nov 9999 08:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-1x 08:49:37 GMT"}) {
    INFO(value);
    CHECK_FALSE(parse_http_date(value));
  }
}

TEST_CASE("retry-after: seconds or a date", "[http]") {
  CHECK(parse_retry_after("120", k_now) == seconds{120});
  CHECK(parse_retry_after(" 0 ", k_now) == seconds{0});
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", k_now) == seconds{60});
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", k_now) == seconds{0});
  CHECK(parse_retry_after("18446744073709551615", k_now) == std::chrono::hours{24 * 366});
  CHECK_FALSE(parse_retry_after("", k_now));
  CHECK_FALSE(parse_retry_after("-1", k_now));
  CHECK_FALSE(parse_retry_after("1.5", k_now));
  CHECK_FALSE(parse_retry_after("soon", k_now));
  CHECK_FALSE(parse_retry_after("18446744073709551616", k_now));
}

TEST_CASE("rate limit: a wait only when nothing remains", "[http]") {
  CHECK(parse_rate_limit_wait("\"api\";r=0;t=172") == seconds{172});
  CHECK(parse_rate_limit_wait("\"a;r=5\" ; r=0 ; t=3") == seconds{3});
  CHECK(parse_rate_limit_wait("\"api\";r=0;t=17, \"resolvers\";r=0;t=30") == seconds{30});
  CHECK(parse_rate_limit_wait("\"api\";r=4;t=17, \"resolvers\";r=0;t=3") == seconds{3});
  for (const std::string value : {"", "\"resolvers\";r=2998;t=172", "\"api\";r=0", "\"api\";t=5",
                                  "\"api\";r=x;t=5", "\"api\";r=0;t=-5", "r=;t="}) {
    INFO(value);
    CHECK_FALSE(parse_rate_limit_wait(value));
  }
}

TEST_CASE("entity tags", "[http]") {
  CHECK(normalize_etag("\"abc\"") == "abc");
  CHECK(normalize_etag("W/\"abc\"") == "abc");
  CHECK(normalize_etag("abc") == "abc");
  CHECK(normalize_etag(" \"a\"b\" ") == "a\"b");
  CHECK(normalize_etag("\"") == "\"");
  CHECK(normalize_etag("").empty());
}

}  // namespace
}  // namespace nai::http
