// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <string>

#include <nai/util/error.hpp>

#include <source/nim/manifest_finder.hpp>
#include <source/nim/registry_error.hpp>

#include "support/mock/nim_content.hpp"
#include "support/nim_registry.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai;
using namespace nai::source;
using test::answer;
using test::NimRegistry;

// What a registry may answer, and what is made of it.
namespace {

const std::string k_config = R"({"os":"linux","architecture":"amd64"})";
const Platform k_amd64{.os = "linux", .architecture = "amd64", .variant = {}};
const http::Header k_id{"X-Request-Id", "request-17"};

util::Error error_of(NimRegistry& registry) {
  try {
    static_cast<void>(registry.resolve(k_amd64));
  } catch (const util::Error& error) {
    return error;
  }
  FAIL("no error");
  return {util::ErrorKind::internal, ""};
}

bool is_blob(const http::Request& request) {
  return request.url.path().find("/blobs/") != std::string::npos;
}

}  // namespace

TEST_CASE("a blob that is not what its digest says is asked for again, and then told with the id") {
  int blobs = 0;
  NimRegistry registry([&](const http::Request& request) {
    if (!is_blob(request)) {
      return answer(200, {}, test::manifest_of(k_config));
    }
    const std::string wrong = std::string(k_config.size(), ' ');
    return answer(200, {k_id}, ++blobs < 2 ? wrong : k_config);
  });
  CHECK(registry.resolve(k_amd64).platform.architecture == "amd64");
  CHECK(blobs == 2);
  CHECK(registry.log.count("registry_retry") == 1);

  NimRegistry lying([&](const http::Request& request) {
    return is_blob(request) ? answer(200, {k_id}, std::string(k_config.size(), ' '))
                            : answer(200, {}, test::manifest_of(k_config));
  });
  const util::Error error = error_of(lying);
  CHECK(error.kind() == util::ErrorKind::content_mismatch);
  CHECK_THAT(error.what(), ContainsSubstring("reg.example/a:1: blob sha256:"));
  CHECK_THAT(error.what(), ContainsSubstring("as reg.example (Request ID: request-17) sent it"));
}

TEST_CASE("a manifest that is not what its digest says carries the request's id") {
  NimRegistry registry([&](const http::Request&) {
    return answer(200, {k_id, {"Docker-Content-Digest", "sha256:" + std::string(64, '0')}},
                  test::manifest_of(k_config));
  });
  const util::Error error = error_of(registry);
  CHECK(error.kind() == util::ErrorKind::content_mismatch);
  CHECK_THAT(error.what(), ContainsSubstring("the manifest that reg.example (Request ID: "
                                             "request-17) sent has digest sha256:"));
  CHECK(registry.client.requests().size() == 3);
}

TEST_CASE("a proxy's page in place of a manifest is no matter of checksums") {
  NimRegistry registry([](const http::Request&) {
    return answer(200, {{"Content-Type", "text/html"}}, "<html>Please log in</html>");
  });
  const util::Error error = error_of(registry);
  CHECK(error.kind() == util::ErrorKind::temporary);
  CHECK_THAT(error.what(),
             ContainsSubstring("is no JSON object but 26 bytes of text/html; is there "
                               "a proxy's page in between?"));
}

TEST_CASE("an answer without content is none") {
  NimRegistry registry([](const http::Request&) { return answer(204); });
  CHECK_THAT(error_of(registry).what(), ContainsSubstring("has no content"));
}

TEST_CASE("a registry that knows no ranges sends a blob from its start") {
  bool broken = false;
  NimRegistry registry([&](const http::Request& request) {
    if (is_blob(request) && !broken) {
      broken = true;
      auto half = answer(200, {}, k_config.substr(0, 10));
      half.error = http::TransportError{http::TransportFailure::closed, "reset"};
      return half;
    }
    return answer(200, {}, is_blob(request) ? k_config : test::manifest_of(k_config));
  });
  CHECK(registry.resolve(k_amd64).platform.os == "linux");
  CHECK(registry.client.requests().back().range);
}

TEST_CASE("an index that names no platform has one image, and its configuration tells of which") {
  const std::string config = R"({"os":"linux","architecture":"arm64","variant":"v8"})";
  const std::string manifest = test::manifest_of(config);
  const auto entry = fmt::format(R"({{"digest":"{}","size":{}}})",
                                 test::sha256_of(manifest).to_string(), manifest.size());
  std::string index = R"({"manifests":[)" + entry + "]}";
  NimRegistry registry([&](const http::Request& request) {
    return answer(200, {},
                  is_blob(request)                               ? config
                  : request.url.path().ends_with("/manifests/1") ? index
                                                                 : manifest);
  });
  CHECK(registry.resolve(k_amd64).platform.to_string() == "linux/arm64/v8");
  index = R"({"manifests":[)" + entry + "," + entry + "]}";
  CHECK(error_of(registry).kind() == util::ErrorKind::not_found);
}

TEST_CASE(
    "a challenge with an unusable token server and a password is answered with the password") {
  NimRegistry registry([](const http::Request& request) {
    return test::has_authorization(request)
               ? answer(200, {}, is_blob(request) ? k_config : test::manifest_of(k_config))
               : answer(401, {{"WWW-Authenticate", "Bearer realm=\"ftp://x\", Basic realm=\"y\""}});
  });
  RegistryClient client(registry.connection, registry.image, {"user", "secret"},
                        [](const RegistryAnswer& failed, int) {
                          return util::Error(util::ErrorKind::unauthorized, failed.problem);
                        });
  CHECK(resolve_image(client, registry.image, k_amd64, {}).platform.os == "linux");
}

TEST_CASE("who is refused because a password was held back is told so") {
  NimRegistry registry([](const http::Request& request) {
    return request.url.host() == "auth.other.example"
               ? answer(200, {}, R"({"token":"anonymous"})")
               : answer(401,
                        {{"WWW-Authenticate", "Bearer realm=\"https://auth.other.example/t\""}});
  });
  std::string problem;
  RegistryClient client(registry.connection, registry.image, {"user", "secret"},
                        [&](const RegistryAnswer& failed, int) {
                          problem = failed.problem;
                          return util::Error(util::ErrorKind::unauthorized, "no");
                        });
  CHECK_THROWS_AS(resolve_image(client, registry.image, k_amd64, {}), util::Error);
  CHECK(problem ==
        "the registry's token server is https://auth.other.example, to which the "
        "credentials for reg.example are not sent");
  // What a server repeats of them is not shown.
  CHECK(client.auth().without_secrets("x dXNlcjpzZWNyZXQ= y secret") == "x *** y ***");
}

TEST_CASE("a layer that came damaged is read again, one that was made so is not") {
  const std::string path = "opt/nim/etc/default/model_manifest.yaml";
  const std::string good = mock::gzip(mock::Tar().file(path, "profiles").bytes());
  std::string bad = good;
  bad[bad.size() / 2] = static_cast<char>(~bad[bad.size() / 2]);
  int answers = 0;
  std::string always;
  NimRegistry registry([&](const http::Request&) {
    return answer(200, {k_id}, !always.empty() ? always : ++answers == 1 ? bad : good);
  });
  Image image{.reference_digest = test::sha256_of(good),
              .digest = test::sha256_of(good),
              .platform = k_amd64,
              .layers = {{{.digest = test::sha256_of(good), .size = good.size()}, ""}},
              .labels = {},
              .environment = {}};
  ManifestFinder finder(registry.registry, image, registry.log);
  const auto found = finder.find({"/" + path}, {});
  REQUIRE(found);
  CHECK(found->content == "profiles");
  CHECK(found->verified);
  CHECK(answers == 2);

  const auto failing = [&](const std::string& sent, const digest::Digest& digest) {
    always = sent;
    image.layers[0].blob = {.digest = digest, .size = sent.size()};
    const auto before = registry.client.requests().size();
    std::string what;
    try {
      static_cast<void>(
          ManifestFinder(registry.registry, image, registry.log).find({"/" + path}, {}));
    } catch (const util::Error& error) {
      CHECK(error.kind() == util::ErrorKind::content_mismatch);
      what = error.what();
    }
    return std::to_string(registry.client.requests().size() - before) + " " + what;
  };
  CHECK_THAT(
      failing(bad, test::sha256_of(good)),
      ContainsSubstring("3 layer 1 of 1, as reg.example (Request ID: request-17) sent it: the "
                        "layer sha256:"));
  const std::string made = mock::gzip(std::string(2'000, 'q'));
  CHECK_THAT(failing(made, test::sha256_of(made)),
             ContainsSubstring("1 layer 1 of 1, as reg.example (Request ID: request-17) sent it: a "
                               "layer is no tar archive"));
}

TEST_CASE("a mirror that refuses the key of NGC is not asked about at NGC") {
  NimRegistry registry([](const http::Request&) { return answer(404); });
  const auto ngc = http::Url::parse("https://api.ngc.nvidia.com").value();
  NgcSession session(registry.connection, {ngc, ngc}, "nvapi-x");
  const std::stop_token stop;
  for (const auto& [status, words] :
       {std::pair<int, std::string>{403,
                                    "reg.example refuses the NGC key, or has no such image; a "
                                    "mirror with users of its own wants REGISTRY_USERNAME"},
        {404, "the image has no version of the tag 1"},
        {418, "does not answer as a registry does: 418"}}) {
    http::Response response;
    response.status = status;
    const auto error = registry_error({.url = registry.image.registry, .response = response}, 1,
                                      {.image = registry.image, .session = &session, .stop = stop});
    CHECK_THAT(error.what(), ContainsSubstring(words));
  }
  CHECK(registry.client.requests().empty());
}
