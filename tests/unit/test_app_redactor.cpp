// SPDX-License-Identifier: Apache-2.0
#include "app/redactor.hpp"

#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>

namespace {

using nai::app::Redactor;

}  // namespace

TEST_CASE("Known secrets never come out", "[app]") {
  Redactor redactor;
  redactor.add("hf_secret");
  redactor.add("hf_secret_longer");
  redactor.add("abc");  // too short to be looked for
  redactor.add("");
  CHECK(redactor.apply("Bearer hf_secret, hf_secret!") == "Bearer ***, ***!");
  CHECK(redactor.apply("hf_secret_longer") == "***");
  CHECK(redactor.apply("abc") == "abc");
  CHECK(redactor.apply("").empty());
}

TEST_CASE("Of a document only known secrets are taken", "[app]") {
  Redactor redactor;
  redactor.add("hf_secret");
  const std::string list = R"(value: "[\"epoch=?-step=*.ckpt\", \"https://host/a?b=c\"]")";
  CHECK(redactor.without_secrets(list + " hf_secret") == list + " ***");
}

TEST_CASE("A secret that becomes known while others write is hidden from then on", "[app]") {
  Redactor redactor;
  const std::jthread writer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      static_cast<void>(redactor.apply("token-17 and more"));
    }
  });
  for (int i = 0; i < 100; ++i) {
    redactor.add("token-" + std::to_string(i));
    redactor.add("token-" + std::to_string(i));
  }
  CHECK(redactor.apply("token-17, token-9") == "***, ***");
}

TEST_CASE("A secret that looks like its own mark does not loop", "[app]") {
  Redactor redactor;
  redactor.add("****");
  CHECK(redactor.apply("********") == "******");
}

TEST_CASE("Queries and user info are cut from addresses", "[app]") {
  const Redactor redactor;
  struct Row {
    const char* text;
    const char* expected;
  };
  for (const auto& [text, expected] : std::vector<Row>{
           {"plain", "plain"},
           {"what? http://x", "what? http://x"},
           {"https://host/a?X-Amz-Signature=1&b=2", "https://host/a"},
           {"got <https://host/a?b>, then 'http://h?c' end",
            "got <https://host/a>, then 'http://h' end"},
           {"https://user:pass@host:8080/a@b", "https://host:8080/a@b"},
           {"http://us@er:p@host", "http://host"},
           {"https://host?u:p@x", "https://host"},
           {"(https://h/p?q) and https://h/r.", "(https://h/p and https://h/r."},
           {"a://b://c?d", "a://b://c"},
           {"GET /a/b?Expires=1&Signature=x HTTP", "GET /a/b HTTP"},
           {"is it so? a=b", "is it so? a=b"},
           {"X-Amz-Algorithm=1&X-Amz-Signature=x\nhost", "X-Amz-Algorithm\nhost"},
           {"<S>Expires=1&Signature=x</S>", "<S>Expires</S>"},
           {"the header x-amz-date", "the header x-amz-date"},
           {"https://", "https://"},
           {"://", "://"},
       }) {
    CHECK(redactor.apply(text) == expected);
  }
}
