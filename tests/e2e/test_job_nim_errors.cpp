// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "e2e/job.hpp"
#include "e2e/nim_job.hpp"

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using namespace nai::test;

// What a registry was seen to answer, and how the Job ends: the sentence, the server's own words
// with the id of the request, the status, and nothing on the volume.
namespace {

constexpr const char* k_id = "7f3c-request-42";
constexpr const char* k_denied =
    R"({"errors":[{"code":"DENIED","message":"Access Denied","detail":null}]})";
constexpr const char* k_unauthorized =
    R"({"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]})";
constexpr const char* k_unknown =
    R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"9"}}]})";
constexpr const char* k_too_many =
    R"({"errors":[{"code":"TOOMANYREQUESTS","message":"rate exceeded"}]})";

struct Row {
  std::string part;  // of the address that is answered so
  mock::Fault fault{};
  int exit_status;
  std::string sentence;
  std::string words;  // of the server
};

mock::Fault says(int status, const char* body = "") {
  mock::Response response = mock::json_response(status, body);
  response.headers.set("X-Request-Id", k_id);
  return {.answer = std::move(response)};
}

mock::Fault with_id(mock::Fault fault) {
  fault.headers.emplace_back("X-Request-Id", k_id);
  return fault;
}

// What every failure before the first directory has in common.
void check_end(const NimJob& job, const ProcessResult& result, const Row& row) {
  INFO(row.part << "\n" << result.out << result.err);
  CHECK(result.exit_status == row.exit_status);
  CHECK(result.out.empty());
  CHECK(std::filesystem::is_empty(job.mount()));
  CHECK_THAT(result.err, !ContainsSubstring("REPO_VERSION"));  // which an image does not have
  const std::string message = job.termination_message();
  for (const std::string& part : {row.sentence, row.words}) {
    CHECK_THAT(result.err, ContainsSubstring(part));
    CHECK_THAT(message, ContainsSubstring(part));
  }
  for (const std::string secret : {"nvapi-", "JG9hdXRodG9rZW46"}) {
    CHECK_THAT(result.err + message, !ContainsSubstring(secret));
  }
}

const std::vector<Row>& rows() {
  const std::string id = std::string(" (Request ID: ") + k_id + ")";
  static const std::vector<Row> all = {
      {"/proxy_auth", says(401, k_unauthorized), 3,
       "the image exists and the NGC key is known, but its organisation has no access to it; ask "
       "for "
       "access on the image's page in the NGC catalog",
       "127.0.0.1 said: 401 Unauthorized: authentication required" + id},
      {"/proxy_auth", says(403, k_denied), 3, "its organisation has no access to it",
       "127.0.0.1 said: 403 Forbidden: Access Denied" + id},
      {"/manifests/", says(403, k_denied), 3, "its organisation has no access to it",
       "403 Forbidden: Access Denied" + id},
      {"/proxy_auth", says(402), 3,
       "the organisation that the credentials belong to has no subscription for this image",
       "402 Payment Required" + id},
      {"/manifests/", says(402), 3,
       "NVIDIA AI Enterprise or the NVIDIA developer programme is needed",
       "402 Payment Required" + id},
      {"/proxy_auth", says(451), 3, "NVIDIA does not provide this image in the region",
       "451 Unavailable For Legal Reasons" + id},
      {"/manifests/", says(451), 3, "NVIDIA does not provide this image in the region",
       "451 Unavailable For Legal Reasons" + id},
      {"/manifests/", says(404, k_unknown), 4,
       "the image has no version of the tag 1.2.2; NGC lists the tags 1.2.2",
       "404 Not Found: manifest unknown" + id},
      {"/blobs/", says(404), 4, "the registry lacks a part of this image", "404 Not Found" + id},
      {"/manifests/", says(429, k_too_many), 75,
       "limits the rate of requests after 2 tries: 429 Too Many Requests: rate exceeded" + id,
       "run it again later"},
      {"/proxy_auth", says(429, k_too_many), 75, "limits the rate of requests",
       "429 Too Many Requests: rate exceeded" + id},
      {"/proxy_auth", says(502), 75,
       "127.0.0.1 is out of order after 2 tries: 502 Bad Gateway" + id, "run it again later"},
      {"/manifests/", says(503), 75, "is out of order after 2 tries: 503 Service Unavailable" + id,
       "run it again later"},
      {"/blobs/", says(504), 75, "is out of order after 2 tries: 504 Gateway Timeout" + id,
       "run it again later"},
      {"/layers/", says(403, "<Error><Code>AccessDenied</Code></Error>"), 75,
       "127.0.0.2 refuses its own signed addresses after 2 tries", "403 Forbidden"},
      {"/manifests/",
       {.stall_before_head = true},
       75,
       "Hugging Face Network connection Issue",
       "127.0.0.1 cannot be reached"},
      {"/manifests/",
       {.cut = mock::Fault::Cut::before_head},
       75,
       "Hugging Face Network connection Issue",
       "127.0.0.1 cannot be reached"},
      {"/layers/",
       {.cut = mock::Fault::Cut::before_head},
       75,
       "answers, but 127.0.0.2, where it keeps the content of images, cannot be reached",
       "let the cluster reach 127.0.0.2 port"},
      {"/manifests/",
       with_id({.headers = {{"Docker-Content-Digest", "sha256:" + std::string(64, '0')}}}), 5,
       "instead of sha256:0000", std::string("127.0.0.1 (Request ID: ") + k_id + ") sent"},
      {"/layers/", with_id({.edits = {{.offset = 3}}}), 5, ": blob sha256:",
       std::string("as 127.0.0.2 (Request ID: ") + k_id + ") sent it, has digest sha256:"}};
  return all;
}

}  // namespace

TEST_CASE("nim: each answer of a registry ends with its sentence, its words and its status") {
  for (const Row& row : rows()) {
    mock::NimService service;
    service.add(nim_image(manifest_v1()));
    service.set_fault_hook([&](const mock::RequestInfo& info) {
      return info.target.find(row.part) == std::string::npos ? mock::Fault{} : row.fault;
    });
    NimJob job(service);
    job.environment["MAX_RETRIES"] = "1";
    job.environment["STALL_TIMEOUT"] = "1s";
    check_end(job, job.run(), row);
    CHECK(service.violations().empty());
  }
}

TEST_CASE("nim: a wrong key, an unknown image, no key and a mirror's users are told apart") {
  mock::NimService service;
  service.add(nim_image(manifest_v1()));
  NimJob job(service);
  const std::string unknown = service.host() + "/nim/meta/nothing:1.0";
  struct Case {
    std::string variable;
    std::string value;
    Row expected;
  };
  for (const Case& one : std::vector<Case>{
           {"NGC_API_KEY",
            "nvapi-wrong",
            {"",
             {},
             3,
             "NGC does not know the key, or it has expired; make a new one at https://",
             "401 Unauthorized: authentication required"}},
           {"NGC_API_KEY",
            "",
            {"",
             {},
             3,
             "gives this image to nobody without a key, or has no such image; set "
             "NGC_API_KEY",
             "401 Unauthorized: authentication required"}},
           {"REPO_ID",
            unknown,
            {"",
             {},
             4,
             "the NGC key is right, but there is no such image",
             "403 Forbidden: Access Denied"}},
           {"REGISTRY_PASSWORD",
            "wrong",
            {"",
             {},
             3,
             "refuses the user name and password, or has no such image for them; check "
             "REGISTRY_USERNAME, REGISTRY_PASSWORD and REPO_ID",
             "401 Unauthorized: authentication required"}}}) {
    const auto before = job.environment;
    job.environment[one.variable] = one.value;
    check_end(job, job.run(), one.expected);
    job.environment = before;
  }
}

TEST_CASE("nim: a blocked content host is named, and a key's line ends are no part of it") {
  mock::NimService service;
  service.add(nim_image(manifest_v1()));
  NimJob job(service);
  job.environment["NGC_API_KEY"] = " nvapi-right\r\n";
  service.content_down();
  check_end(job, job.run(),
            {"content host",
             {},
             75,
             "answers, but 127.0.0.2, where it keeps the content of images, cannot be reached",
             "or through a proxy named in HTTPS_PROXY"});
  CHECK_THAT(job.termination_message(), StartsWith("Hugging Face Network connection Issue\n"));
}

TEST_CASE("nim: the registry's own user that is refused was sent, whether or not there is a key") {
  mock::NimService service;
  service.add(nim_image(manifest_v1()));
  NimJob job(service);
  job.environment["REGISTRY_USERNAME"] = "robot";
  job.environment["REGISTRY_PASSWORD"] = "robot-secret";
  SECTION("with the NGC key") {}
  SECTION("without") { job.environment.erase("NGC_API_KEY"); }
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 3);
  CHECK_THAT(result.err,
             ContainsSubstring("check REGISTRY_USERNAME, REGISTRY_PASSWORD and REPO_ID") &&
                 !ContainsSubstring("no key was sent") && !ContainsSubstring("NGC_API_KEY") &&
                 !ContainsSubstring("robot-secret"));
}

TEST_CASE("nim: NGC that refuses who has no key is no matter of the registry's own user") {
  mock::NimServiceOptions options;
  options.user = "robot";
  mock::NimService service(options);
  service.add(nim_image(manifest_v1()));
  for (auto& model : ngc_models(1'000)) {
    service.add(std::move(model));
  }
  NimJob job(service);
  job.environment.erase("NGC_API_KEY");
  job.environment["REGISTRY_USERNAME"] = options.user;
  job.environment["REGISTRY_PASSWORD"] = options.key;
  job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 3);
  CHECK_THAT(result.err, ContainsSubstring("NGC wants a key; set NGC_API_KEY") &&
                             ContainsSubstring("no key was sent, because NGC_API_KEY is not set"));
}

TEST_CASE("nim: of a gated repository's files the run tells that HF_TOKEN is missing") {
  mock::NimService service;
  service.add(nim_image("schema_version: '2.0'\nprofiles:\n- id: " + k_generic_profile +
                        "\n  tags: {llm_engine: vllm}\n  workspace:\n    files:\n"
                        "      config.json: {uri: 'hf://org/model:main?file=config.json'}\n"));
  mock::Registry hub(over_tls());
  auto repository = mock::make_repository("org/model", {mock::regular_file("config.json", "{}")});
  repository.gated = true;
  hub.add(repository);
  NimJob job(service);
  job.use_hub(hub);
  job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 3);
  CHECK_THAT(result.err, ContainsSubstring("Token unauthorized to access Hugging Face Repo: 401") &&
                             ContainsSubstring("no token was sent, because HF_TOKEN is not set") &&
                             !ContainsSubstring("no key was sent"));
}
