// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <string>

#include <nai/http/challenge.hpp>
#include <nai/http/message.hpp>
#include <nai/util/base64.hpp>
#include <nai/util/error.hpp>

#include <source/nim/image.hpp>
#include <source/nim/image_reference.hpp>

using namespace nai;
using source::parse_image;

TEST_CASE("image references in all their forms") {
  const std::string hex(64, 'a');
  struct Row {
    std::string text;
    std::string whole;
  };
  for (const Row& row : {
           Row{"nvcr.io/nim/meta/llama-3.1-8b-instruct:1.2.2",
               "nvcr.io/nim/meta/llama-3.1-8b-instruct:1.2.2"},
           Row{"nim/meta/llama:1", "nvcr.io/nim/meta/llama:1"},
           Row{" https://nvcr.io/nim/meta/llama ", "nvcr.io/nim/meta/llama:latest"},
           Row{"docker://harbor.corp:8443/proxy/nim/meta/llama:1.0_x-y",
               "harbor.corp:8443/proxy/nim/meta/llama:1.0_x-y"},
           Row{"localhost/a:b", "localhost/a:b"},
           Row{"registry:443/a:b", "registry:443/a:b"},
           Row{"https://registry/a:b", "registry:443/a:b"},
           Row{"registry#r.corp/a:b", ""},
           Row{"registry?x=r.corp/a:b", ""},
           Row{"nvcr.io/a/b:tag@sha256:" + hex, "nvcr.io/a/b@sha256:" + hex},
           Row{"nvcr.io/a__b/c-.d", ""},
           Row{"nvcr.io/a__b/c--d.e", "nvcr.io/a__b/c--d.e:latest"},
           Row{"nvcr.io/nim/Meta:1", ""},
           Row{"nvcr.io/nim//x", ""},
           Row{"nvcr.io/nim/../x", ""},
           Row{"nvcr.io/nim/x:", ""},
           Row{"nvcr.io/nim/x:a b", ""},
           Row{"nvcr.io/nim/x:" + std::string(129, 't'), ""},
           Row{"nvcr.io/nim/x@sha256:" + std::string(63, 'a'), ""},
           Row{"nvcr.io/nim/x@md5:" + std::string(32, 'a'), ""},
           Row{"user:password@nvcr.io/nim/x", ""},
           Row{"nvcr.io/" + std::string(300, 'x'), ""},
           Row{"nvcr.io/", ""},
           Row{"", ""},
           Row{"nvcr.io/nim/x\r\nHost: y", ""},
       }) {
    INFO(row.text);
    try {
      const std::string whole = parse_image(row.text).to_string();
      CHECK(whole == row.whole);
      CHECK(parse_image(whole).to_string() == whole);
    } catch (const util::Error& error) {
      CHECK(error.kind() == util::ErrorKind::usage);
      CHECK(row.whole.empty());
      CHECK(std::string(error.what()).find("password") == std::string::npos);
    }
  }
  CHECK(parse_image("http://127.0.0.1:5000/a:1").registry.scheme() == "http");
}

TEST_CASE("platforms") {
  CHECK(source::Platform::parse("linux/amd64")->architecture == "amd64");
  CHECK(source::Platform::parse("linux/arm64/v8")->to_string() == "linux/arm64/v8");
  for (const char* text : {"", "linux", "linux/", "/amd64", "a/b/c/d", "linux/amd64, x"}) {
    CHECK_FALSE(source::Platform::parse(text));
  }
}

TEST_CASE("challenges as registries send them") {
  const auto nvidia = http::parse_challenges(
      "Bearer realm=\"https://nvcr.io/proxy_auth\",scope=\"repository:nvidia/x:pull,push\"");
  REQUIRE(nvidia.size() == 1);
  CHECK(nvidia[0].scheme == "bearer");
  CHECK(nvidia[0].parameter("realm") == "https://nvcr.io/proxy_auth");
  CHECK(nvidia[0].parameter("scope") == "repository:nvidia/x:pull,push");
  CHECK_FALSE(nvidia[0].parameter("service"));

  const auto both =
      http::parse_challenges("Basic Realm = \"a \\\"b\\\", c\", charset=UTF-8 , bearer realm=x");
  REQUIRE(both.size() == 2);
  CHECK(both[0].parameter("realm") == "a \"b\", c");
  CHECK(both[0].parameter("charset") == "UTF-8");
  CHECK(both[1].parameter("realm") == "x");

  CHECK(http::parse_challenges("").empty());
  CHECK(http::parse_challenges("=,=").empty());
  CHECK(http::parse_challenges("Bearer realm=\"open").at(0).parameters.empty());
  http::Headers headers;
  headers.add("WWW-Authenticate", "Negotiate");
  headers.add("www-authenticate", "Basic realm=\"y\"");
  CHECK(http::find_challenge(headers, "basic"));
  CHECK_FALSE(http::find_challenge(headers, "bearer"));
  CHECK(http::basic_authorization("$oauthtoken", "key") == "Basic JG9hdXRodG9rZW46a2V5");
}

TEST_CASE("base64 there and back") {
  for (const auto& [plain, coded] : {std::pair<std::string, std::string>{"", ""},
                                     {"f", "Zg=="},
                                     {"fo", "Zm8="},
                                     {"foo", "Zm9v"},
                                     {"foobar", "Zm9vYmFy"},
                                     {std::string("\0\xFF", 2), "AP8="}}) {
    CHECK(util::base64_encode(plain) == coded);
    const auto bytes = util::base64_decode(coded);
    REQUIRE(bytes);
    CHECK(std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()) == plain);
  }
  CHECK_FALSE(util::base64_decode("A"));
  CHECK_FALSE(util::base64_decode("Zm9v!"));
}
