// SPDX-License-Identifier: Apache-2.0
#include "app/token.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <nai/util/error.hpp>

#include "support/temporary_directory.hpp"

namespace {

using namespace nai::app;
using Catch::Matchers::ContainsSubstring;
using nai::test::TemporaryDirectory;
using nai::test::write_file;
using nai::util::Error;
using nai::util::ErrorKind;

constexpr std::array<std::string_view, 2> k_variables{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};

struct Fixture {
  TemporaryDirectory directory;
  Environment environment;
  std::filesystem::path flag_file;
  bool secret_directory_named = false;

  [[nodiscard]] std::filesystem::path at(const char* name) const { return directory.path() / name; }
  [[nodiscard]] Credential find() const {
    return find_credential({.flag_file = flag_file,
                            .variables = k_variables,
                            .path_variable = "HF_TOKEN_PATH",
                            .secret_directory = at("secrets"),
                            .secret_directory_named = secret_directory_named,
                            .secret_name = "HF_TOKEN"},
                           environment);
  }
  [[nodiscard]] std::string refusal() const {
    try {
      static_cast<void>(find());
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      return error.what();
    }
    FAIL("accepted");
    return {};
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "Tokens are looked for in the documented order", "[app]") {
  write_file(at("flag"), "from_flag\n");
  write_file(at("path"), "  from_path\r\n");
  write_file(at("secrets/HF_TOKEN"), "from_secret");
  environment = {{"HF_TOKEN", "from_first"},
                 {"HUGGING_FACE_HUB_TOKEN", "from_second"},
                 {"HF_TOKEN_PATH", at("path").string()}};
  flag_file = at("flag");
  CHECK(find().value == "from_flag");
  CHECK(find().origin == "the file " + at("flag").string());
  flag_file.clear();
  CHECK(find().value == "from_first");
  CHECK(find().origin == "HF_TOKEN");
  environment["HF_TOKEN"] = " \n";
  CHECK(find().value == "from_second");
  environment.erase("HUGGING_FACE_HUB_TOKEN");
  CHECK(find().value == "from_path");
  environment.erase("HF_TOKEN_PATH");
  CHECK(find().value == "from_secret");
  std::filesystem::remove(at("secrets/HF_TOKEN"));
  CHECK(find().value.empty());
  CHECK(find().origin.empty());
  CHECK(find().notes.empty());
}

TEST_CASE_METHOD(Fixture, "A mounted secret is read through its links", "[app]") {
  write_file(at("secrets/..data/HF_TOKEN"), "linked");
  std::filesystem::create_symlink("..data/HF_TOKEN", at("secrets/HF_TOKEN"));
  CHECK(find().value == "linked");
}

TEST_CASE_METHOD(Fixture, "A named file that is not there is noted", "[app]") {
  environment = {{"HF_TOKEN_PATH", at("nowhere").string()}};
  CHECK(find().value.empty());
  REQUIRE(find().notes.size() == 1);
  CHECK_THAT(find().notes.front(),
             ContainsSubstring("HF_TOKEN_PATH names") && ContainsSubstring("which does not exist"));
  write_file(at("nowhere"), "\n");
  CHECK_THAT(find().notes.front(), ContainsSubstring("which is empty"));
  secret_directory_named = true;
  REQUIRE(find().notes.size() == 2);
  CHECK_THAT(find().notes.back(), ContainsSubstring("SECRETS_PATH names"));
}

TEST_CASE_METHOD(Fixture, "The flag's file has to have a token", "[app]") {
  flag_file = at("nowhere");
  CHECK_THAT(refusal(), ContainsSubstring("--token-file names") && ContainsSubstring("not exist"));
  write_file(flag_file, "");
  CHECK_THAT(refusal(), ContainsSubstring("which is empty"));
}

TEST_CASE_METHOD(Fixture, "What cannot be a token is refused without showing it", "[app]") {
  for (const std::string bad : {"hf_secret1 hf_secret2", "hf_secret\nhf_secret", "hf_secret\x01",
                                "hf_secr\xc3\xa4t", "\"hf_secret\"", "'hf_secret'"}) {
    environment = {{"HF_TOKEN", bad}};
    CHECK_THAT(refusal(), ContainsSubstring("HF_TOKEN") && !ContainsSubstring("secr"));
    environment = {{"HF_TOKEN_PATH", at("file").string()}};
    write_file(at("file"), bad);
    CHECK_THAT(refusal(), ContainsSubstring("HF_TOKEN_PATH names") && !ContainsSubstring("secr"));
  }
  write_file(at("file"), std::string(1'000'000, 'x'));
  CHECK_THAT(refusal(), ContainsSubstring("is larger than"));
}

TEST_CASE_METHOD(Fixture, "A token file that is no file is refused and does not block", "[app]") {
  environment = {{"HF_TOKEN_PATH", at("pipe").string()}};
  REQUIRE(::mkfifo(at("pipe").c_str(), 0600) == 0);
  CHECK_THAT(refusal(), ContainsSubstring("not a regular file"));
  environment = {{"HF_TOKEN_PATH", directory.path().string()}};
  CHECK_THAT(refusal(), ContainsSubstring("not a regular file"));
  environment = {{"HF_TOKEN_PATH", (directory.path() / "pipe/below").string()}};
  CHECK_THAT(refusal(), ContainsSubstring("HF_TOKEN_PATH cannot be used"));
}

TEST_CASE_METHOD(Fixture, "Trouble in the usual secret directory is passed over", "[app]") {
  std::filesystem::create_directories(at("secrets/HF_TOKEN"));
  CHECK(find().value.empty());
  secret_directory_named = true;
  CHECK_THAT(refusal(), ContainsSubstring("SECRETS_PATH names"));
}
