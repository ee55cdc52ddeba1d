// SPDX-License-Identifier: Apache-2.0
#include "app/logged_client.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "support/captured_log.hpp"
#include "support/fake_client.hpp"

namespace {

using namespace nai::app;
namespace http = nai::http;
namespace test = nai::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

http::Request request_for(const std::string& url) {
  return {.url = http::Url::parse(url).value(), .range = nai::util::ByteRange{100, 50}};
}

// The lines that the requests with these answers leave.
std::vector<std::string> lines_of(std::vector<test::Answer> answers, const std::string& url) {
  const std::size_t count = answers.size();
  test::CapturedLog log;
  LoggedClient client(std::make_unique<test::FakeClient>(std::move(answers)), log);
  for (std::size_t i = 0; i < count; ++i) {
    static_cast<void>(http::send_for_text(client, request_for(url), 1000, {}));
  }
  std::vector<std::string> lines;
  for (const auto& entry : log.entries()) {
    CHECK(entry.level == nai::util::Level::debug);
    CHECK(entry.event == "request");
    lines.push_back(entry.message);
  }
  return lines;
}

}  // namespace

TEST_CASE("A request is told with what came of it, and without what signs it", "[app]") {
  const auto lines =
      lines_of({test::answer(206, {{"X-Request-Id", "Root=1-a"}}, "hello")},
               "https://user:password@cdn.example/a/b?X-Amz-Signature=0123456789abcdef");
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], StartsWith("GET https://cdn.example/a/b bytes 100-149: 206") &&
                           ContainsSubstring("5 B in 0.000 s") &&
                           ContainsSubstring("attempt 1 - request id Root=1-a"));
  CHECK_THAT(lines[0], !ContainsSubstring("0123456789") && !ContainsSubstring("password"));
}

TEST_CASE("Attempts at one thing are counted until it comes", "[app]") {
  const auto lines = lines_of({test::broken(http::TransportFailure::closed, "it hung up"),
                               test::answer(503), test::answer(206), test::answer(206)},
                              "https://cdn.example/a");
  REQUIRE(lines.size() == 4);
  CHECK_THAT(lines[0],
             ContainsSubstring("no answer - it hung up") && ContainsSubstring("attempt 1"));
  CHECK_THAT(lines[1], ContainsSubstring("503") && ContainsSubstring("attempt 2"));
  CHECK_THAT(lines[2], ContainsSubstring("attempt 3"));
  CHECK_THAT(lines[3], ContainsSubstring("attempt 1"));
}
