// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <catch2/catch_test_macros.hpp>

#include <nai/http/redirect.hpp>

namespace nai::http {
namespace {

RedirectChain chain(std::string_view start) { return RedirectChain(Url::parse(start).value()); }

Response to(const std::string& location) {
  Response response;
  response.status = 302;
  response.headers.add("Location", location);
  return response;
}

TEST_CASE("redirect: hops within the origin keep it", "[http]") {
  RedirectChain hops = chain("https://hub/a?x=1");
  REQUIRE(hops.follow(to("/api/resolve-cache/b?etag=%22c%22")));
  CHECK(hops.current().on_the_wire() == "https://hub/api/resolve-cache/b?etag=%22c%22");
  REQUIRE(hops.follow(to("https://HUB:443/c")));
  CHECK_FALSE(hops.left_origin());
}

TEST_CASE("redirect: an origin once left stays left", "[http]") {
  for (const std::string other : {"https://cdn/x", "https://hub:8443/x", "https://hub.evil/x"}) {
    RedirectChain hops = chain("https://hub/a");
    REQUIRE(hops.follow(to(other)));
    CHECK(hops.left_origin());
    REQUIRE(hops.follow(to("https://hub/b")));
    CHECK(hops.left_origin());
  }
}

TEST_CASE("redirect: what is not followed", "[http]") {
  struct Row {
    std::string location;
    std::string problem;
  };
  for (const Row& row : {Row{"http://hub/b", "https to http"}, Row{"//hub\\evil", "not an http"},
                         Row{"ftp://hub/b", "not an http"}, Row{"https://hub/a", "in a circle"},
                         Row{"#x", "in a circle"}}) {
    RedirectChain hops = chain("https://hub/a");
    CHECK_FALSE(hops.follow(to(row.location)));
    CHECK(hops.problem().find(row.problem) != std::string::npos);
    CHECK(hops.current().path() == "/a");
  }
  RedirectChain plain = chain("http://hub/a");
  CHECK(plain.follow(to("https://hub/a")));
  CHECK(plain.left_origin());
}

TEST_CASE("redirect: ten hops and no more", "[http]") {
  RedirectChain hops = chain("https://hub/0");
  for (int i = 1; i <= 10; ++i) {
    REQUIRE(hops.follow(to("/" + std::to_string(i) + "?secret=1")));
  }
  CHECK_FALSE(hops.follow(to("/11?secret=1")));
  CHECK(hops.problem().find("more than 10 times") != std::string::npos);
  CHECK(hops.problem().find("secret") == std::string::npos);
}

}  // namespace
}  // namespace nai::http
