// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <source/hugging_face/pattern.hpp>
#include <source/hugging_face/selection.hpp>

namespace nai::source {
namespace {

using Texts = std::vector<std::string>;

Texts selected(const Texts& paths, const Texts& include, const Texts& exclude) {
  const std::vector<std::string_view> views(paths.begin(), paths.end());
  const Selection selection(include, exclude, views);
  Texts wanted;
  for (const std::string& path : paths) {
    if (selection.wants(path)) {
      wanted.push_back(path);
    }
  }
  return wanted;
}

TEST_CASE("pattern: as Python's fnmatchcase", "[source]") {
  struct Row {
    std::string pattern;
    std::string path;
    bool matches;
  };
  const std::vector<Row> rows = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "a/b\nc", true},
      {"a", "A", false},
      {"?", "a", true},
      {"?", "/", true},
      {"?", "", false},
      {"?", "\xC3\xA9", true},
      {"??", "\xC3\xA9", false},
      {"?", "\xFF", true},
      {"*.json", "sub/config.json", true},
      {"*.json", "config.jsonl", false},
      {"**/x", "a/b/x", true},
      {"**/x", "x", false},
      {"a*b*c", "aXbYbZc", true},
      {"a*b*c", "aXbYbZ", false},
      {"[abc]", "b", true},
      {"[abc]", "d", false},
      {"[!abc]", "d", true},
      {"[!abc]", "a", false},
      {"[a-c]x", "bx", true},
      {"[a-c]", "d", false},
      {"[c-a]", "b", false},
      {"[!c-a]", "b", true},
      {"[]", "[]", true},
      {"[]a]", "]", true},
      {"[!]a]", "b", true},
      {"[!]a]", "]", false},
      {"[!", "[!", true},
      {"[abc", "[abc", true},
      {"[a-]", "-", true},
      {"[-a]", "-", true},
      {"[a-c-e]", "-", true},
      {"[a-c-e]", "d", false},
      {"[a-cx-z]", "y", true},
      {"[^a]", "^", true},
      {"[^a]", "b", false},
      {"[[]", "[", true},
      {"[&&~|]", "~", true},
      {"[\xC3\xA0-\xC3\xBF]", "\xC3\xA9", true},
      {"a\\b", "a/b", true},
      {"a/b", "a\\b", true},
      {"[\\]", "/", true},
      {"dir/", "dir/a/b", true},
      {"dir/", "dir", false},
      {"dir\\", "dir/x", true},
      {"/", "/x", true},
  };
  for (const Row& row : rows) {
    INFO(row.pattern << " on " << row.path);
    CHECK(Pattern(row.pattern).matches(row.path) == row.matches);
  }
}

TEST_CASE("pattern: no pattern takes exponential time", "[source]") {
  std::string pattern;
  for (int i = 0; i < 100; ++i) {
    pattern += "*a";
  }
  CHECK_FALSE(Pattern(pattern + "b").matches(std::string(4096, 'a')));
}

// The cases that huggingface_hub tests its filter with.
TEST_CASE("selection: include and exclude", "[source]") {
  const Texts dummies = {"not_hidden.pdf", "profile.jpg", ".hidden.pdf", ".hidden_picture.png"};
  const Texts nested = {"file.txt",
                        "lfs.bin",
                        "path/to/file.txt",
                        "path/to/lfs.bin",
                        "nested/path/to/file.txt",
                        "nested/path/to/lfs.bin"};
  struct Row {
    Texts paths;
    Texts include;
    Texts exclude;
    Texts wanted;
  };
  const std::vector<Row> rows = {
      {dummies, {"*.pdf"}, {}, {"not_hidden.pdf", ".hidden.pdf"}},
      {dummies, {"*.pdf"}, {".*"}, {"not_hidden.pdf"}},
      {dummies, {"*.png", "*.jpg"}, {}, {"profile.jpg", ".hidden_picture.png"}},
      {dummies, {"*.png", "*.jpg"}, {".*"}, {"profile.jpg"}},
      {nested, {"path/to/"}, {}, {"path/to/file.txt", "path/to/lfs.bin"}},
      {{"file.txt", "lfs.bin"}, {""}, {}, {}},
      {{"file.txt", "lfs.bin"}, {}, {""}, {"file.txt", "lfs.bin"}},
      {{"README.md", "notes.MD"}, {"*.MD"}, {}, {"notes.MD"}},
      {{"README.md", "notes.MD"}, {"*.md"}, {}, {"README.md"}},
      {{"keep.txt", "drop.LOG", "keep.log"}, {}, {"*.LOG"}, {"keep.txt", "keep.log"}},
      {{"unet/config.json", "vae/config.json", "unet/model.bin"},
       {"unet\\config.json"},
       {},
       {"unet/config.json"}},
      {{"unet\\config.json", "unet\\model.bin"}, {"unet/*.json"}, {}, {"unet\\config.json"}},
      {{"unet/config.json", "unet/model.bin"}, {}, {"unet\\*.json"}, {"unet/model.bin"}},
  };
  for (const Row& row : rows) {
    CHECK(selected(row.paths, row.include, row.exclude) == row.wanted);
  }
}

TEST_CASE("selection: the rule", "[source]") {
  const Texts others = {"a.pt",      "b.pth",    "c.h5", "x/d.gguf",
                        "e.msgpack", "f.tflite", "g.ot", "onnx/h.onnx"};
  const auto with = [&](Texts paths) {
    paths.insert(paths.end(), others.begin(), others.end());
    return paths;
  };
  CHECK(selected(with({"config.json", "m.safetensors", "m.bin"}), {}, {}) ==
        Texts{"config.json", "m.safetensors"});
  CHECK(selected(with({"config.json", "sub/m.safetensors", "m.bin"}), {}, {}) ==
        Texts{"config.json", "sub/m.safetensors"});
  CHECK(selected(with({"config.json", "m.bin"}), {}, {}) == Texts{"config.json", "m.bin"});
  CHECK(selected(with({"config.json"}), {}, {}) == with({"config.json"}));
  // The index of safetensors is no safetensors.
  CHECK(selected({"m.safetensors.index.json", "m.bin", "m.pt"}, {}, {}) ==
        Texts{"m.safetensors.index.json", "m.bin"});
  // What the operator says replaces the rule.
  CHECK(selected({"m.safetensors", "m.bin", "m.pt"}, {"*.bin"}, {}) == Texts{"m.bin"});
  CHECK(selected({"m.safetensors", "m.bin", "m.pt"}, {}, {"*.pt"}) ==
        Texts{"m.safetensors", "m.bin"});
}

TEST_CASE("selection: 16 of the 17 files of Llama-3.1-8B-Instruct", "[source]") {
  const Texts files = {".gitattributes",
                       "LICENSE",
                       "README.md",
                       "USE_POLICY.md",
                       "config.json",
                       "generation_config.json",
                       "model-00001-of-00004.safetensors",
                       "model-00002-of-00004.safetensors",
                       "model-00003-of-00004.safetensors",
                       "model-00004-of-00004.safetensors",
                       "model.safetensors.index.json",
                       "original/consolidated.00.pth",
                       "original/params.json",
                       "original/tokenizer.model",
                       "special_tokens_map.json",
                       "tokenizer.json",
                       "tokenizer_config.json"};
  Texts expected = files;
  std::erase(expected, "original/consolidated.00.pth");
  CHECK(selected(files, {}, {}) == expected);
  CHECK(expected.size() == 16);
}

}  // namespace
}  // namespace nai::source
