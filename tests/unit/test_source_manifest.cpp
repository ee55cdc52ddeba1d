// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <nai/source/hugging_face.hpp>
#include <nai/source/manifest.hpp>
#include <nai/util/error.hpp>

namespace nai::source {
namespace {

std::vector<Artifact> artifacts(const std::vector<std::string>& paths) {
  const auto digest =
      digest::Digest::from_hex(digest::Algorithm::git_blob_sha1, std::string(40, 'a'));
  std::vector<Artifact> result;
  for (const std::string& path : paths) {
    result.push_back({.path = path, .size = 1, .digest = *digest});
  }
  return result;
}

TEST_CASE("manifest: paths of real repositories pass", "[source]") {
  const std::vector<std::string> paths = {".gitattributes",
                                          "README.md",
                                          "config.json",
                                          "model-00001-of-00004.safetensors",
                                          "original/consolidated.00.pth",
                                          "original/params.json",
                                          "onnx/model_q4f16.onnx",
                                          "a b/c#d%e?.txt",
                                          "...",
                                          "..a/b..",
                                          "a.b:c",
                                          "1_Pooling/config.json",
                                          "\xE6\xA8\xA1\xE5\x9E\x8B/\xC3\xA9.txt",
                                          std::string(255, 'x'),
                                          "-rf",
                                          "~",
                                          "*"};
  CHECK_NOTHROW(validate_paths(artifacts(paths)));
  CHECK_NOTHROW(validate_paths({}));
}

TEST_CASE("manifest: hostile paths are refused by name", "[source]") {
  struct Row {
    std::vector<std::string> paths;
    std::string part;
  };
  std::string deep = "d";
  while (deep.size() < 4096) {
    deep += "/d";
  }
  const std::vector<Row> rows = {
      {{""}, "empty path"},
      {{"../x"}, "\"../x\""},
      {{"a/../../x"}, "\"a/../../x\""},
      {{"a/.."}, "\"..\""},
      {{"./a"}, "\".\""},
      {{"."}, "\".\""},
      {{"/etc/passwd"}, "absolute"},
      {{"//host/share"}, "absolute"},
      {{"a//b"}, "empty path segment"},
      {{"a/"}, "empty path segment"},
      {{"a\\b"}, "backslash"},
      {{"..\\x"}, "backslash"},
      {{"\\\\host\\share"}, "backslash"},
      {{"C:/x"}, "drive"},
      {{"c:x"}, "drive"},
      {{"a/C:"}, "drive"},
      {{std::string("a\0b", 3)}, "\"a?b\": control"},
      {{"a\nb"}, "\"a?b\": control"},
      {{"a\x1B[31m"}, "\"a?[31m\": control"},
      {{"a\x7F"}, "control"},
      {{std::string(256, 'x')}, "255 bytes"},
      {{"d/" + std::string(300, 'x') + "/e"}, "255 bytes"},
      {{deep}, "4096 bytes"},
      {{"a", "b", "a"}, "listed twice"},
      {{"Model.bin", "model.bin"}, "differs only in case from \"Model.bin\""},
      {{"a/x", "A/y"}, "differs only in case from \"a/x\""},
      {{"a/x", "b", "B/c"}, "directory where another file is"},
      {{"a", "a/b"}, "\"a/b\": \"a\" needs a directory"},
      {{"a/b", "a"}, "\"a\": \"a/b\" needs a directory"},
      {{"a/b/c", "a/b"}, "directory"},
  };
  for (const Row& row : rows) {
    INFO(row.part);
    try {
      validate_paths(artifacts(row.paths));
      FAIL("accepted");
    } catch (const util::Error& error) {
      CHECK(error.kind() == util::ErrorKind::content_mismatch);
      INFO(error.what());
      CHECK(std::string(error.what()).find(row.part) != std::string::npos);
      CHECK(std::string(error.what()).size() < 500);
    }
  }
}

TEST_CASE("manifest: total", "[source]") {
  Manifest manifest;
  CHECK(manifest.total_bytes() == 0);
  manifest.artifacts = artifacts({"a", "b"});
  manifest.artifacts[0].size = 5'000'000'000;
  CHECK(manifest.total_bytes() == 5'000'000'001);
}

TEST_CASE("repository: what names one", "[source]") {
  for (const std::string id : {"Qwen/Qwen3-VL-235B-A22B-Instruct-FP8", "meta-llama/Llama-3.1-8B",
                               "gpt2", "a/b", "_a/b_", "01-ai/Yi-1.5", "a.b/c.d"}) {
    for (const std::string prefix :
         {"", "https://huggingface.co/", "http://huggingface.co/", "huggingface.co/", "hf.co/",
          "https://hf.co/", "huggingface.com/", "HTTPS://HuggingFace.co/"}) {
      CHECK(parse_repository(prefix + id) == id);
    }
  }
  CHECK(parse_repository(" gpt2\n") == "gpt2");
  CHECK(parse_repository("https://huggingface.co/a/b/") == "a/b");
  CHECK(parse_repository(std::string(96, 'x')) == std::string(96, 'x'));
  CHECK(parse_repository(std::string(120, 'x') + "/y") == std::string(120, 'x') + "/y");
}

TEST_CASE("repository: what does not", "[source]") {
  for (const std::string& id : std::vector<std::string>{"",
                                                        " ",
                                                        "/",
                                                        "a/",
                                                        "/a",
                                                        "a/b/c",
                                                        "../etc",
                                                        "a/..",
                                                        "a/.b",
                                                        "a/b.",
                                                        "-a/b",
                                                        "a/-b",
                                                        "a/b-",
                                                        "a--b/c",
                                                        "a/b--c",
                                                        "a/b..c",
                                                        "a/b.git",
                                                        "a b",
                                                        "a/b c",
                                                        "a/b?x",
                                                        "a/b#x",
                                                        "a/b%2e",
                                                        "a\\b",
                                                        "a/\xC3\xA9",
                                                        "https://example.com/a/b",
                                                        "https://huggingface.co/",
                                                        "https://huggingface.co/a/b/tree/main",
                                                        "ftp://huggingface.co/a/b",
                                                        "https://huggingface.co.evil/a/b",
                                                        "a/b\n/c",
                                                        std::string("a\0b", 3),
                                                        std::string(97, 'x'),
                                                        "a/" + std::string(97, 'x')}) {
    INFO(id);
    try {
      const std::string parsed = parse_repository(id);
      FAIL("accepted as " << parsed);
    } catch (const util::Error& error) {
      CHECK(error.kind() == util::ErrorKind::usage);
      CHECK(std::string(error.what()).find("is not a repository such as org/name: ") !=
            std::string::npos);
    }
  }
}

}  // namespace
}  // namespace nai::source
