// SPDX-License-Identifier: Apache-2.0
// The table of section 4 of the contract, byte for byte.
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <source/hugging_face/hub_error.hpp>

namespace nai::source {
namespace {

using util::ErrorKind;

const std::string k_url = "https://huggingface.co/api/models/acme/tiny/commits/main";
const std::string k_refused =
    "huggingface.co does not take this request; check REPO_ID, REPO_VERSION, HF_ENDPOINT and the "
    "proxy variables\n";
const std::string k_unauthorized = "Token unauthorized to access Hugging Face Repo: ";
const std::string k_not_found = "Hugging Face Repo not found: ";
const std::string k_repository_not_found =
    "Repository Not Found for url: " + k_url +
    ".\nPlease make sure you specified the correct `repo_id` and `repo_type`.\nIf you are trying "
    "to access a private or gated repo, make sure you are authenticated.";

struct Row {
  std::string name;
  int status;
  std::string reason;
  std::vector<http::Header> headers;
  std::string body;
  ErrorKind kind;
  std::string text;
};

http::Response response(const Row& row) {
  http::Response result;
  result.status = row.status;
  result.reason = row.reason;
  for (const http::Header& header : row.headers) {
    result.headers.add(header.name, header.value);
  }
  return result;
}

http::Url url(const std::string& text = k_url + "?x=secret") {
  return http::Url::parse(text).value();
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
      {"revision not found",
       404,
       "Not Found",
       {{"X-Error-Code", "RevisionNotFound"},
        {"X-Error-Message", "Invalid rev id: x"},
        {"X-Request-Id", "Root=1-a;b"}},
       R"({"error":"Invalid rev id: x"})",
       ErrorKind::not_found,
       k_not_found + "404 Client Error. (Request ID: Root=1-a;b)\n\nRevision Not Found for url: " +
           k_url + ".\nInvalid rev id: x"},
      {"entry not found",
       404,
       "Not Found",
       {{"X-Error-Code", "EntryNotFound"}},
       "",
       ErrorKind::not_found,
       "404 Client Error.\n\nEntry Not Found for url: " + k_url + "."},
      {"gated, anonymous",
       401,
       "Unauthorized",
       {{"X-Error-Code", "GatedRepo"}, {"X-Error-Message", "Access to model x is restricted."}},
       "",
       ErrorKind::unauthorized,
       k_unauthorized + "401 Client Error.\n\nCannot access gated repo for url " + k_url +
           ".\nAccess to model x is restricted."},
      {"disabled",
       403,
       "Forbidden",
       {{"X-Error-Message", "Access to this resource is disabled."}, {"X-Request-Id", "q7"}},
       "",
       ErrorKind::unauthorized,
       k_unauthorized + "403 Client Error. (Request ID: q7)\n\nCannot access repository for url " +
           k_url + ".\nAccess to this resource is disabled."},
      {"repository not found",
       404,
       "Not Found",
       {{"X-Error-Code", "RepoNotFound"}, {"X-Error-Message", "Repository not found"}},
       R"({"error":"Repository not found"})",
       ErrorKind::not_found,
       // The server's words are contained, whatever their case.
       k_not_found + "404 Client Error.\n\n" + k_repository_not_found},
      {"missing or private, to a stranger",
       401,
       "Unauthorized",
       {{"X-Error-Code", "RepoNotFound"},
        {"X-Error-Message", "Invalid username or password."},
        {"X-Request-Id", "Root=1-a;b"}},
       R"({"error":"Invalid username or password."})",
       ErrorKind::unauthorized,
       k_unauthorized + "401 Client Error. (Request ID: Root=1-a;b)\n\n" + k_repository_not_found +
           "\nInvalid username or password."},
      {"a plain 401",
       401,
       "Unauthorized",
       {{"X-Error-Message", "Invalid credentials in Authorization header"}},
       "",
       ErrorKind::unauthorized,
       k_unauthorized + "401 Client Error.\n\n" + k_repository_not_found +
           "\nInvalid credentials in Authorization header"},
      {"a plain 403",
       403,
       "Forbidden",
       {{"X-Error-Message", "Pro required"}, {"X-Request-Id", "q7"}},
       "",
       ErrorKind::unauthorized,
       k_unauthorized +
           "(Request ID: q7)\n\n403 Forbidden: Pro required.\nCannot access content at: " + k_url +
           ".\nMake sure your token has the correct permissions."},
      {"a 403 without a message",
       403,
       "Forbidden",
       {},
       R"({"error":"No"})",
       ErrorKind::unauthorized,
       k_unauthorized + "403 Forbidden.\nCannot access content at: " + k_url +
           ".\nMake sure your token has the correct permissions."},
      {"a plain 404",
       404,
       "Not Found",
       {{"X-Request-Id", "q7"}},
       R"({"error":"Sorry"})",
       ErrorKind::not_found,
       k_not_found + "404 Client Error: Not Found for url: " + k_url +
           " (Request ID: q7)\n\nSorry"},
      {"a server error",
       500,
       "Internal Server Error",
       {},
       "",
       ErrorKind::temporary,
       "500 Server Error: Internal Server Error for url: " + k_url},
      {"no reason",
       503,
       "",
       {},
       "",
       ErrorKind::temporary,
       "503 Server Error: Service Unavailable for url: " + k_url},
      {"too many requests",
       429,
       "Too Many Requests",
       {{"Content-Type", "text/plain"}},
       "slow down",
       ErrorKind::temporary,
       "429 Client Error: Too Many Requests for url: " + k_url + "\n\nslow down"},
      {"a page for browsers",
       400,
       "Bad Request",
       {{"Content-Type", "text/html; charset=utf-8"}},
       "<html>",
       ErrorKind::usage,
       k_refused + "400 Client Error: Bad Request for url: " + k_url},
      {"messages of all kinds, each once",
       400,
       "Bad Request",
       {{"X-Error-Message", " one "}},
       R"({"error":["one","two",3],"errors":[{"message":"two"},{"message":"three"},{"x":1},4]})",
       ErrorKind::usage,
       k_refused + "400 Client Error: Bad Request for url: " + k_url + "\n\none\ntwo\nthree"},
      {"a request id in the text already",
       400,
       "Bad Request",
       {{"X-Request-Id", "abc"}, {"X-Error-Message", "see ABC"}},
       "",
       ErrorKind::usage,
       k_refused + "400 Client Error: Bad Request for url: " + k_url + "\n\nsee ABC"},
      {"hostile words",
       400,
       "Bad Request",
       {{"X-Error-Message", "\x1B[2Jboo"}},
       std::string("{\"error\":\"a\\u0007b\\nc\"}"),
       ErrorKind::usage,
       k_refused + "400 Client Error: Bad Request for url: " + k_url + "\n\n?[2Jboo\na?b\nc"},
  };
  return all;
}

TEST_CASE("hub error: the table of the contract", "[source]") {
  for (const Row& row : rows()) {
    INFO(row.name);
    const util::Error error = hub_error(response(row), row.body, url());
    CHECK(error.kind() == row.kind);
    CHECK(std::string(error.what()) == row.text);
  }
}

TEST_CASE("hub error: the capture of a gated repository", "[source]") {
  const std::string words =
      "Access to model google/gemma-2-2b-it is restricted and you are not in the authorized list. "
      "Visit https://huggingface.co/google/gemma-2-2b-it to ask for access.";
  const Row row{.name = {},
                .status = 403,
                .reason = "Forbidden",
                .headers = {{"X-Error-Code", "GatedRepo"},
                            {"X-Error-Message", words},
                            {"X-Request-Id",
                             "Root=1-67206f34-21a588a3768f83e42c680ba3;"
                             "8d92a79f-ff32-43a8-a44d-116bab3dff11"}},
                .body = "{\"error\":\"" + words + "\"}",
                .kind = ErrorKind::unauthorized,
                .text = {}};
  const util::Error error =
      hub_error(response(row), row.body,
                url("https://huggingface.co/api/models/google/gemma-2-2b-it/commits/"
                    "299a8560bedf22ed1c72a8a11e7dce4a7f9f51f8"));
  CHECK(error.kind() == ErrorKind::unauthorized);
  CHECK(std::string(error.what()) ==
        "Token unauthorized to access Hugging Face Repo: 403 Client Error. (Request ID: "
        "Root=1-67206f34-21a588a3768f83e42c680ba3;8d92a79f-ff32-43a8-a44d-116bab3dff11)\n"
        "\n"
        "Cannot access gated repo for url https://huggingface.co/api/models/google/gemma-2-2b-it/"
        "commits/299a8560bedf22ed1c72a8a11e7dce4a7f9f51f8.\n"
        "Access to model google/gemma-2-2b-it is restricted and you are not in the authorized "
        "list. Visit https://huggingface.co/google/gemma-2-2b-it to ask for access.");
}

TEST_CASE("hub error: a server's words in one line", "[source]") {
  const Row row{.name = {},
                .status = 503,
                .reason = "",
                .headers = {{"X-Amz-Request-Id", "Q7"}},
                .body = "<Error>\n  <Code>SlowDown</Code>\n</Error>",
                .kind = ErrorKind::temporary,
                .text = {}};
  CHECK(server_words(response(row), row.body) ==
        "503 Service Unavailable: SlowDown (Request ID: Q7)");
  CHECK(server_words(response(row), std::string(100'000, 'x')).size() < 1200);
}

TEST_CASE("hub error: of a store's error only its code and message are told", "[source]") {
  const Row row{.name = {},
                .status = 403,
                .reason = "",
                .headers = {{"Content-Type", "application/xml"}},
                .body = {},
                .kind = ErrorKind::unauthorized,
                .text = {}};
  const auto words = [&](const std::string& body) { return server_words(response(row), body); };
  CHECK(words("<?xml version=\"1.0\"?>\n<Error><Code>SignatureDoesNotMatch</Code><Message>The "
              "signature does not match.</Message><AWSAccessKeyId>AKIAEXAMPLE</AWSAccessKeyId>"
              "<StringToSign>AWS4-HMAC-SHA256 1f2e</StringToSign><SignatureProvided>0123abcd"
              "</SignatureProvided></Error>") ==
        "403 Forbidden: SignatureDoesNotMatch: The signature does not match.");
  CHECK(words("<Error><Message>Only words</Message></Error>") == "403 Forbidden: Only words");
  CHECK(words("<Error><SignatureProvided>0123</SignatureProvided></Error>") == "403 Forbidden");
  CHECK(words("<Error><Code><X>no</X></Code></Error>") == "403 Forbidden");
  CHECK(words("<Error><Code>cut off") == "403 Forbidden");
  CHECK(words("<other>text</other>") == "403 Forbidden: <other>text</other>");
}

}  // namespace
}  // namespace nai::source
