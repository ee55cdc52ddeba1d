// SPDX-License-Identifier: Apache-2.0
#include "app/file_rows.hpp"

#include <catch2/catch_test_macros.hpp>

#include <nai/util/text.hpp>

using namespace nai::app;
using nai::transfer::FilesInProgress;

TEST_CASE("Each file in progress has a row", "[app]") {
  FilesInProgress files;
  const auto a = files.add("model-00001-of-00002.safetensors", 5'000'000'000);
  const auto b = files.add("tokenizer.json", 17'000'000);
  a->bytes_present = 2'500'000'000;
  b->bytes_present = 17'000'000;
  CHECK(file_rows(files.all(), {.width = 99, .height = 24}) ==
        "model-00001-of-00002.safetensors  [==========          ] 2.50 of 5.00 GB\n"
        "tokenizer.json                    [====================] verifying\n");
  CHECK(file_rows({}, {}).empty());
}

TEST_CASE("A file that nobody holds any more has no row", "[app]") {
  FilesInProgress files;
  auto a = files.add("a", 10);
  CHECK(files.all().size() == 1);
  a.reset();
  CHECK(files.all().empty());
}

TEST_CASE("The rows fit the terminal", "[app]") {
  FilesInProgress files;
  std::vector<std::shared_ptr<nai::transfer::FileProgress>> kept;
  for (int i = 0; i < 20; ++i) {
    kept.push_back(files.add("a/long/path/of/a/part/model-" + std::to_string(i), 1'000'000));
  }
  for (const std::size_t width : {20U, 31U, 40U, 64U, 79U, 200U}) {
    for (const std::size_t height : {1U, 3U, 5U, 24U}) {
      const auto text = file_rows(files.all(), {.width = width, .height = height});
      const auto lines = nai::util::split(text, '\n');
      CHECK(lines.size() <= std::min<std::size_t>(height, 10));
      for (const auto line : lines) {
        INFO(line);
        CHECK(line.size() <= width);
      }
    }
  }
  const auto text = file_rows(files.all(), {.width = 79, .height = 24});
  CHECK(text.ends_with("and 12 more\n"));
}
