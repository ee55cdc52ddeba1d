// SPDX-License-Identifier: Apache-2.0
#include "app/make_source.hpp"

#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <nai/util/error.hpp>

#include "support/temporary_directory.hpp"

namespace {

using namespace nai::app;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using nai::test::TemporaryDirectory;
using nai::test::write_file;
using nai::util::Error;

Config load(Environment environment) {
  environment.emplace("REPO_ID", "org/name");
  return load_config({}, environment);
}

}  // namespace

TEST_CASE("Extra certificates are files or directories, whichever they are", "[app]") {
  const TemporaryDirectory directory;
  const auto root = directory.path().string();
  write_file(root + "/a.pem", "");
  write_file(root + "/b/x.pem", "");
  const auto options = client_options(load({{"SSL_CERT_FILE", root + "/a.pem"},
                                            {"SSL_CERT_DIR", root + "/b::" + root},
                                            {"REQUESTS_CA_BUNDLE", root + "/b"},
                                            {"CURL_CA_BUNDLE", root + "/a.pem"},
                                            {"CONNECT_TIMEOUT", "1500ms"}}));
  CHECK(options.extra_ca_files ==
        std::vector<std::filesystem::path>{root + "/a.pem", root + "/a.pem"});
  CHECK(options.extra_ca_directories ==
        std::vector<std::filesystem::path>{root + "/b", root, root + "/b"});
  CHECK(options.connect_timeout == std::chrono::seconds(2));
}

TEST_CASE("A certificate that is not there is a mistake in the configuration", "[app]") {
  CHECK_THROWS_MATCHES(
      client_options(load({{"CURL_CA_BUNDLE", "/nowhere/ca.pem"}})), Error,
      MessageMatches(ContainsSubstring("CURL_CA_BUNDLE names /nowhere/ca.pem: No such file")));
}

TEST_CASE("A file that is no certificate is refused with the variable that names it", "[app]") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "ca.pem";
  write_file(file, "not a certificate");
  CHECK_THROWS_MATCHES(
      make_client(load({{"REQUESTS_CA_BUNDLE", file.string()}})), Error,
      MessageMatches(ContainsSubstring("REQUESTS_CA_BUNDLE") && ContainsSubstring(file.string())));
}

TEST_CASE("The record's names for source and selection are stable", "[app]") {
  CHECK(source_name(load({})) == "https://huggingface.co/org/name");
  CHECK(source_name(load({{"HF_ENDPOINT", "https://u:p@mirror:8443/hf/"}})) ==
        "https://mirror:8443/hf/org/name");
  CHECK(selection_name(load({})).empty());
  CHECK(selection_name(load({{"ALLOW_PATTERNS", "*.json"}, {"IGNORE_PATTERNS", "a,b"}})) ==
        R"({"include":["*.json"],"exclude":["a","b"]})");
}

TEST_CASE("Another model manifest in the same file is another selection", "[app]") {
  const TemporaryDirectory directory;
  const auto file = directory.path().string() + "/manifest.yaml";
  const auto name = [&] {
    return selection_name(load_config(
        {},
        {{"PROVIDER", "nim"}, {"REPO_ID", "nvcr.io/nim/meta/x:1"}, {"NIM_MANIFEST_FILE", file}}));
  };
  write_file(file, "a");
  const auto first = name();
  CHECK_THAT(first, ContainsSubstring("sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b980"
                                      "7785afee48bb"));
  write_file(file, "b");
  CHECK(name() != first);
  write_file(file, "a");
  CHECK(name() == first);
}
