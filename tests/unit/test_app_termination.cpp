// SPDX-License-Identifier: Apache-2.0
#include "app/termination.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "support/temporary_directory.hpp"

namespace {

using nai::app::write_termination_message;
using nai::test::read_file;
using nai::test::TemporaryDirectory;
using nai::test::write_file;

}  // namespace

TEST_CASE("The termination message replaces what is there, in place", "[app]") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "termination-log";
  write_file(file, std::string(10'000, 'x'));
  struct stat before {};
  struct stat after {};
  REQUIRE(::stat(file.c_str(), &before) == 0);
  CHECK(write_termination_message(file, false, "first\n\nsecond\x1b").empty());
  CHECK(read_file(file) == "first\n\nsecond?");
  REQUIRE(::stat(file.c_str(), &after) == 0);
  CHECK(before.st_ino == after.st_ino);
}

TEST_CASE("A termination message is cut at 4096 bytes between characters", "[app]") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "termination-log";
  std::string text = "x";
  while (text.size() < 10'000) {
    text += "\xe2\x82\xac";  // three bytes each, so that no border is a multiple of three
  }
  CHECK(write_termination_message(file, true, text).empty());
  const auto written = read_file(file);
  CHECK(written.size() <= 4096);
  CHECK(written.size() > 4080);
  CHECK(written.ends_with("\xac..."));
}

TEST_CASE("Only a named termination file is created", "[app]") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "termination-log";
  CHECK(write_termination_message(file, false, "x").empty());
  CHECK_FALSE(std::filesystem::exists(file));
  CHECK(write_termination_message(file, true, "x").empty());
  CHECK(read_file(file) == "x");
}

TEST_CASE("A termination file that cannot be written is told and harms nobody", "[app]") {
  const TemporaryDirectory directory;
  const auto pipe = directory.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_FALSE(write_termination_message(directory.path(), true, "x").empty());
  CHECK_FALSE(write_termination_message(directory.path() / "no/such", true, "x").empty());
  CHECK_FALSE(write_termination_message(pipe, true, "x").empty());
  CHECK_FALSE(write_termination_message("/dev/full", true, "x").empty());
  CHECK_FALSE(write_termination_message("", true, "x").empty());
}
