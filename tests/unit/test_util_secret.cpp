// SPDX-License-Identifier: Apache-2.0
#include <nai/util/secret.hpp>

#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <nai/util/text.hpp>

namespace {

std::string masked(std::string text, const std::string& secret) {
  nai::util::mask(text, secret);
  return text;
}

}  // namespace

TEST_CASE("A secret is masked wherever it stands, also what was cut off", "[util]") {
  struct Row {
    const char* text;
    const char* secret;
    const char* expected;
  };
  for (const auto& [text, secret, expected] : std::vector<Row>{
           {"Bearer hf_secret, hf_secret!", "hf_secret", "Bearer ***, ***!"},
           {"Bearer hf_secr...", "hf_secret", "Bearer ***..."},
           {"hf_s...", "hf_secret", "***..."},
           {"hf_...", "hf_secret", "hf_..."},  // says nothing
           {"hf_secr... and hf_se...; hf_secr", "hf_secret", "***... and ***...; hf_secr"},
           {"hf_secr....", "hf_secret", "***...."},
           {"hf_secret...", "hf_secret", "***..."},
           {"wait...", "hf_secret", "wait..."},
           {"a...b...", "...", "a***b***"},
           {"text", "", "text"},
           {"", "hf_secret", ""},
           {"********", "****", "******"},
       }) {
    INFO(text);
    CHECK(masked(text, secret) == expected);
  }
}

TEST_CASE("Wherever a text is cut, nothing is left of a secret", "[util]") {
  const std::string secret = "nvapi-0123456789";
  const std::string text = "words before it " + secret + " and words behind it";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const std::string shown = masked(nai::util::printable(text, size), secret);
    INFO(shown);
    CHECK(shown.find(secret.substr(0, 4)) == std::string::npos);
  }
}
