// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <nai/util/base64.hpp>

#include "integration/nim_bench.hpp"

using Catch::Matchers::ContainsSubstring;
using nai::util::ErrorKind;
using namespace nai::source;
using namespace nai::test;

namespace {

mock::FaultHook answering(const std::string& part, int status, const std::string& body = "{}") {
  return [=](const mock::RequestInfo& info) -> mock::Fault {
    if (info.target.find(part) == std::string::npos) {
      return {};
    }
    return {.answer = mock::json_response(status, body)};
  };
}

}  // namespace

TEST_CASE("a bad key is told from missing access and from an unknown image") {
  NimBench bench;
  NimOptions options = bench.options();
  options.ngc_key = "nvapi-wrong";
  const auto bad_key = bench.error(options);
  CHECK(bad_key.kind() == ErrorKind::unauthorized);
  CHECK_THAT(bad_key.what(), ContainsSubstring("NGC does not know the key, or it has expired"));
  CHECK_THAT(bad_key.what(), ContainsSubstring("401"));

  options = bench.options();
  options.image = bench.service.host() + "/nim/meta/nothing:1.0";
  const auto unknown = bench.error(options);
  CHECK(unknown.kind() == ErrorKind::not_found);
  CHECK_THAT(unknown.what(), ContainsSubstring("the NGC key is right, but there is no such image"));

  bench.service.set_fault_hook(
      answering("/proxy_auth", 403, R"({"errors":[{"code":"DENIED","message":"Access Denied"}]})"));
  const auto no_access = bench.error(bench.options());
  CHECK(no_access.kind() == ErrorKind::unauthorized);
  CHECK_THAT(no_access.what(), ContainsSubstring("has no access to it"));
  CHECK_THAT(no_access.what(), ContainsSubstring("Access Denied"));
}

TEST_CASE("NGC is asked about the key only after a failure") {
  NimBench bench;
  static_cast<void>(bench.source(bench.options())->resolve({}));
  CHECK(bench.service.request_count("get-caller-info") == 0);
}

TEST_CASE("what is known at run time only, and the encoded form of a key, is hidden too") {
  {
    NimBench bench;
    bench.service.set_fault_hook(answering("/proxy_auth", 200, R"({"token": "of-the-registry"})"));
    static_cast<void>(bench.error(bench.options()));
    CHECK(bench.log.hides("of-the-registry"));
    CHECK(bench.log.hides(nai::util::base64_encode("$oauthtoken:nvapi-right")));
  }
  NimBench bench({.key = "older-kind"});
  NimOptions options = bench.options();
  options.ngc_key = "older-kind";
  options.wishes.profile = k_generic_profile;
  bench.service.set_fault_hook(answering("/token?", 200, R"({"token": "of-ngc"})"));
  static_cast<void>(bench.error(options));
  CHECK(bench.log.hides("of-ngc"));
  CHECK(bench.log.hides(nai::util::base64_encode("$oauthtoken:older-kind")));
}

TEST_CASE("each refusal has its sentence and its kind") {
  struct Row {
    std::string part;
    int status;
    ErrorKind kind;
    std::string sentence;
  };
  for (const Row& row : {
           Row{"/proxy_auth", 402, ErrorKind::unauthorized, "no subscription for this image"},
           Row{"/manifests/", 402, ErrorKind::unauthorized, "no subscription for this image"},
           Row{"/manifests/", 451, ErrorKind::unauthorized, "in the region"},
           Row{"/manifests/", 429, ErrorKind::temporary,
               "limits the rate of requests after 3 tries"},
           Row{"/manifests/", 503, ErrorKind::temporary, "out of order after 3 tries"},
           Row{"/proxy_auth", 502, ErrorKind::temporary, "out of order after 3 tries"},
           Row{"/blobs/", 404, ErrorKind::not_found, "lacks a part of this image"},
       }) {
    NimBench bench;
    bench.service.set_fault_hook(answering(row.part, row.status));
    const auto error = bench.error(bench.options());
    INFO(row.part << " " << row.status << ": " << error.what());
    CHECK(error.kind() == row.kind);
    CHECK_THAT(error.what(), ContainsSubstring(row.sentence));
    CHECK_THAT(error.what(), ContainsSubstring(std::to_string(row.status)));
  }
}

TEST_CASE("an unknown tag is answered with those that exist") {
  NimBench bench;
  NimOptions options = bench.options();
  options.image = bench.service.host() + "/" + k_nim_repository + ":1.2.3";
  const auto error = bench.error(options);
  CHECK(error.kind() == ErrorKind::not_found);
  CHECK_THAT(error.what(), ContainsSubstring("no version of the tag 1.2.3"));
  CHECK_THAT(error.what(), ContainsSubstring("NGC lists the tags 1.2.2"));
}

TEST_CASE("without a key the error says that one is missing") {
  NimBench bench;
  NimOptions options = bench.options();
  options.ngc_key = "";
  const auto error = bench.error(options);
  CHECK(error.kind() == ErrorKind::unauthorized);
  CHECK_THAT(error.what(), ContainsSubstring("set NGC_API_KEY"));
}

TEST_CASE("a content host that is blocked is named") {
  NimBench bench;
  bench.service.content_down();
  const auto error = bench.error(bench.options());
  CHECK(error.kind() == ErrorKind::temporary);
  CHECK_THAT(error.what(), ContainsSubstring("answers, but 127.0.0.2"));
}

TEST_CASE("one refused token is a registry's slip") {
  NimBench bench;
  bench.service.set_fault_hook([](const mock::RequestInfo& info) -> mock::Fault {
    if (info.target.starts_with("/proxy_auth") && info.attempt == 1) {
      return {.answer = mock::json_response(401, "{}")};
    }
    return {};
  });
  CHECK_FALSE(bench.source(bench.options())->resolve({}).empty());
}

TEST_CASE("files that NGC refuses end the run with the reason") {
  NimBench bench;
  NimOptions options = bench.options();
  options.wishes.profile = k_generic_profile;
  bench.service.set_fault_hook(answering(
      "/files", 403, R"({"requestStatus":{"statusCode":"FORBIDDEN","requestId":"r-1"}})"));
  const auto refused = bench.error(options);
  CHECK(refused.kind() == ErrorKind::unauthorized);
  CHECK_THAT(refused.what(), ContainsSubstring("has no access to these files"));
  CHECK_THAT(refused.what(), ContainsSubstring("Request ID: r-1"));
}

TEST_CASE("an image for other platforms only is not found") {
  NimBench bench;
  mock::NimImage image = nim_image(manifest_v1());
  image.as_index = true;
  bench.service.add(image);
  NimOptions options = bench.options();
  options.platform = "linux/riscv64";
  const auto error = bench.error(options);
  CHECK(error.kind() == ErrorKind::not_found);
  CHECK_THAT(error.what(), ContainsSubstring("only for linux/arm64, linux/amd64"));
}
