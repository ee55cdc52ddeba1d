// SPDX-License-Identifier: Apache-2.0
#include <nai/model/safetensors.hpp>

#include <algorithm>
#include <cstring>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <nai/util/error.hpp>

#include "support/safetensors.hpp"

using namespace nai;
using Catch::Matchers::ContainsSubstring;

namespace {

// Hands out a few bytes at a time, so that every piece of a header meets the end of a buffer.
std::string problem_of(const std::string& file, std::size_t piece = 7) {
  const auto read = [&](std::span<std::byte> data, std::uint64_t offset) {
    const auto at = std::min<std::size_t>(offset, file.size());
    const auto length = std::min({piece, data.size(), file.size() - at});
    std::memcpy(data.data(), file.data() + at, length);
    return length;
  };
  return model::safetensors_problem(read, file.size());
}

std::string problem_of_header(std::string_view header, std::size_t data_bytes) {
  return problem_of(test::safetensors_file(header, data_bytes));
}

}  // namespace

TEST_CASE("A safetensors file whose tensors cover it has no problem", "[model]") {
  CHECK(problem_of_header("{}", 0).empty());
  CHECK(problem_of_header(R"({"__metadata__":{"format":"pt"}}     )", 0).empty());
  // In any order, with an empty tensor, a scalar, and a type that is newer than this program.
  CHECK(problem_of_header(R"({"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},
                              "__metadata__":{"a":"b"},
                              "a":{"dtype":"F64","shape":[],"data_offsets":[0,8]},
                              "none":{"dtype":"F32","shape":[0,7],"data_offsets":[20,20]},
                              "new":{"dtype":"Q3","shape":[9],"data_offsets":[20,24]}})",
                          24)
            .empty());
}

TEST_CASE("A safetensors file that cannot be loaded is told why", "[model]") {
  struct Case {
    std::string header;
    std::size_t data_bytes;
    std::string problem;
  };
  const auto [header, data_bytes, problem] = GENERATE(
      Case{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7,
           "take 8 bytes, and the file has 7"},
      Case{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 9,
           "take 8 bytes, and the file has 9"},
      Case{R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12,
           "leave a gap at byte 0"},
      Case{
          R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
          6, "overlap at byte 2"},
      Case{R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8,
           "\"a\" has 8 bytes, which its type F32"},
      Case{R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", 1,
           "type F4 and shape do not take"},
      Case{R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0,
           "do not take"},
      Case{R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[8,4]}})", 8, "ends before it begins"},
      Case{R"({"a":{"dtype":"U8","shape":[4]}})", 4, "lacks its type, shape or place"},
      Case{R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,8]}})", 8, "lacks"},
      Case{R"({"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}})", 4,
           "not as the format wants it"},
      Case{R"({"a":{"dtype":"U8","shape":[[4]],"data_offsets":[0,4]}})", 4,
           "not as the format wants it"},
      Case{R"({"a":{"dtype":{},"shape":[4],"data_offsets":[0,4]}})", 4, "more levels"},
      Case{R"({"__metadata__":{"a":1}})", 0, "entry __metadata__ is not as the format wants it"},
      Case{R"({"a":4})", 0, "not as the format wants it"}, Case{R"([])", 0, "is no JSON object"},
      Case{R"(7)", 0, "is no JSON object"}, Case{R"({"a")", 0, "no valid JSON at byte"},
      Case{R"({"a":NaN})", 0, "no valid JSON at byte"},
      Case{R"({} {})", 0, "no valid JSON at byte"}, Case{"", 0, "no valid JSON"});
  CHECK_THAT(problem_of_header(header, data_bytes), ContainsSubstring(problem));
}

TEST_CASE("A file that is no safetensors file at all is told why", "[model]") {
  CHECK_THAT(problem_of(""), ContainsSubstring("only 0 bytes"));
  CHECK_THAT(problem_of("1234567"), ContainsSubstring("only 7 bytes"));
  CHECK_THAT(problem_of("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
             ContainsSubstring("Git LFS pointer"));
  CHECK_THAT(problem_of(test::safetensors_file("{}", 0).substr(0, 9)),
             ContainsSubstring("2 bytes, which is more than there are"));
  CHECK_THAT(problem_of(std::string(16, '\xFF')),
             ContainsSubstring("18446744073709551615 bytes, which the format does not allow"));
}

TEST_CASE("A hostile tensor name comes out harmless and short", "[model]") {
  const std::string name = R"(\u001b[31m\n)" + std::string(5000, 'x');
  const auto problem = problem_of_header("{\"" + name + R"(":{"dtype":"U8"}})", 0);
  CHECK(problem.size() < 300);
  CHECK(std::none_of(problem.begin(), problem.end(), [](char c) { return c < ' '; }));
}

TEST_CASE("What reading throws passes through the parser", "[model]") {
  const auto read = [](std::span<std::byte> data, std::uint64_t offset) -> std::size_t {
    if (offset < 8) {
      std::fill(data.begin(), data.end(), std::byte{0});
      data[0] = std::byte{100};
      return data.size();
    }
    throw util::storage_error("cannot read", 5);
  };
  CHECK_THROWS_AS(model::safetensors_problem(read, 1000), util::Error);
}
