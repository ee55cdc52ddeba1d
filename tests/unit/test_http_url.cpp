// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <nai/http/url.hpp>

namespace nai::http {
namespace {

Url url(std::string_view text) {
  const auto parsed = Url::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

TEST_CASE("url: parts", "[http]") {
  const Url full = url("HTTPS://user:p%40ss@Host.Example:8443/a/../b%20c?x=1&y=%2F#fragment");
  CHECK(full.scheme() == "https");
  CHECK(full.host() == "host.example");
  CHECK(full.port() == 8443);
  CHECK(full.path() == "/a/../b%20c");
  CHECK(full.query() == "x=1&y=%2F");
  CHECK(full.on_the_wire() == "https://user:p%40ss@host.example:8443/a/../b%20c?x=1&y=%2F");
  CHECK(full.display() == "https://host.example:8443/a/../b%20c");

  CHECK(url("http://h").on_the_wire() == "http://h/");
  CHECK(url("http://h").port() == 80);
  CHECK(url("https://h:443/").on_the_wire() == "https://h/");
  CHECK(url("https://h:/").port() == 443);
  CHECK(url("http://h?q=a?b").query() == "q=a?b");
  CHECK(url("http://[2001:DB8::1]:8080/").host() == "[2001:db8::1]");
  CHECK(url("http://h/\xC3\xA9?\xC3\xA9").on_the_wire() == "http://h/%C3%A9?%C3%A9");
}

TEST_CASE("url: what is none", "[http]") {
  const std::vector<std::string> bad = {
      "",
      "huggingface.co",
      "/path",
      "//host/path",
      "ftp://host/",
      "file:///etc/passwd",
      "https:/host",
      "https://",
      "https:///path",
      "https://:443/",
      "https://user@",
      "https://a@b@host/",
      "https://evil\\@host/",
      "https://host\\.evil/",
      "https://ho st/",
      "https://host/a b",
      "https://host/\n",
      "https://host/\x7F",
      "https://h%6Fst/",
      "https://h\xC3\xB6st/",
      "https://host:0/",
      "https://host:65536/",
      "https://host:8a/",
      "https://host:80:80/",
      "https://[::1/",
      "https://[::1]x/",
      "https://[]/",
      "https://::1/",
      "https://" + std::string(256, 'h') + "/",
      "https://host/" + std::string(17'000, 'x'),
      std::string("https://host/\0", 14),
  };
  for (const std::string& text : bad) {
    INFO(text);
    CHECK_FALSE(Url::parse(text));
  }
}

TEST_CASE("url: references resolve as RFC 3986 says", "[http]") {
  struct Row {
    std::string reference;
    std::string expected;  // empty: refused
  };
  // Of section 5.4, as far as they give http URLs, and what hosts send in practice.
  const std::vector<Row> rows = {
      {"http:", ""},
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g/"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q"},
      {"g#s", "http://a/b/c/g"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g;x=1/../y", "http://a/b/c/y"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"https://cdn.example/x?sig=a%2Bb", "https://cdn.example/x?sig=a%2Bb"},
      {" /with space ", "http://a/with%20space"},
      {"mailto:x@example.org", ""},
      {"javascript:alert(1)", ""},
      {"file:///etc/passwd", ""},
      {"//evil\\host/", ""},
      {"/a\r\nX: y", ""},
  };
  for (const Row& row : rows) {
    INFO(row.reference);
    const auto resolved = url("http://a/b/c/d;p?q").resolve(row.reference);
    CHECK((resolved ? resolved->on_the_wire() : "") == row.expected);
  }
  CHECK(url("http://u:p@a/b").resolve("c")->on_the_wire() == "http://u:p@a/c");
  CHECK(url("http://u:p@a/b").resolve("http://a/c")->on_the_wire() == "http://a/c");
}

TEST_CASE("url: origins", "[http]") {
  const Url origin = url("https://huggingface.co/x");
  CHECK(origin.same_origin(url("https://HuggingFace.co:443/y?z")));
  CHECK_FALSE(origin.same_origin(url("http://huggingface.co/x")));
  CHECK_FALSE(origin.same_origin(url("https://huggingface.co:8443/x")));
  CHECK_FALSE(origin.same_origin(url("https://cdn.huggingface.co/x")));
  CHECK_FALSE(origin.same_origin(url("https://huggingface.co.evil.example/x")));
}

TEST_CASE("url: paths and parameters", "[http]") {
  CHECK(url("https://u@h:1/old?q").with_path("/a", "b=c").on_the_wire() == "https://u@h:1/a?b=c");
  CHECK(url("https://h/").with_path("a").on_the_wire() == "https://h/a");
  const Url signed_url = url("https://h/?X-Amz-Date=20260301T120000Z&e=&%45xpires=1%2B2&bare");
  CHECK(signed_url.query_parameter("X-Amz-Date") == "20260301T120000Z");
  CHECK(signed_url.query_parameter("e") == "");
  CHECK(signed_url.query_parameter("Expires") == "1+2");
  CHECK(signed_url.query_parameter("bare") == "");
  CHECK_FALSE(signed_url.query_parameter("absent"));
  CHECK(url("https://h/?a=%4&b=%").query_parameter("a") == "%4");
  CHECK(url("https://h/?a=%4&b=%").query_parameter("b") == "%");
}

TEST_CASE("url: percent encoding as Python's quote", "[http]") {
  CHECK(percent_encode("refs/pr/1") == "refs%2Fpr%2F1");
  CHECK(percent_encode("sub dir/weird #%name.txt", "/") == "sub%20dir/weird%20%23%25name.txt");
  CHECK(percent_encode("az_AZ-09.~") == "az_AZ-09.~");
  CHECK(percent_encode("\xC3\xA9\x01") == "%C3%A9%01");
}

}  // namespace
}  // namespace nai::http
