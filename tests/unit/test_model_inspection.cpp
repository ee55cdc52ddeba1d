// SPDX-License-Identifier: Apache-2.0
#include <nai/model/inspection.hpp>

#include <sys/stat.h>

#include <filesystem>
#include <stop_token>

#include <catch2/catch_test_macros.hpp>

#include "support/safetensors.hpp"
#include "support/temporary_directory.hpp"

#include <nai/util/error.hpp>

using namespace nai;

namespace {

// A model's directory, and what is found in it as "path: problem" lines.
struct Model {
  void add(const std::string& path, std::string_view content) {
    test::write_file(directory.path() / path, content);
    paths.push_back(path);
  }
  [[nodiscard]] std::string inspect(const std::vector<std::string>& left_out = {}) const {
    std::string lines;
    for (const auto& finding : model::inspect(directory.path(), paths, left_out, {})) {
      lines += finding.path + ": " + finding.problem + "\n";
    }
    return lines;
  }

  test::TemporaryDirectory directory;
  std::vector<std::string> paths;
};

}  // namespace

TEST_CASE("A model as it should be gives no findings", "[model]") {
  Model model;
  model.add("model-00001-of-00001.safetensors", test::safetensors_file("{}", 0));
  model.add(
      "model.safetensors.index.json",
      R"({"metadata":{"total_size":0},"weight_map":{"a":"model-00001-of-00001.safetensors"}})");
  // As Python writes it: time_step_limit of a real model.
  model.add("config.json",
            R"({"limit": [0.0, Infinity, -Infinity, NaN], "text": "NaN \" Infinity"})");
  model.add("tokenizer_config.json", R"({"model_max_length": 1000000000000000019884624838656})");
  model.add("tokenizer.json", R"({"version": "1.0"})");
  model.add("vae/config.json", "{}");
  model.add("notes.json", "not looked at");
  model.add("weights.bin", "neither");
  CHECK(model.inspect().empty());
}

TEST_CASE("Files that cannot be parsed are found, wherever they are", "[model]") {
  Model model;
  model.add("config.json", "{\"a\": 1");
  model.add("generation_config.json", "[]");
  model.add("text_encoder/config.json", "<html>");
  model.add("tokenizer.json", "");
  model.add("tokenizer_config.json", "{\"a\": Infinit}");
  model.add("unet/model.safetensors", "short");
  CHECK(model.inspect() ==
        "config.json: is no valid JSON at byte 8\n"
        "generation_config.json: is no JSON object\n"
        "text_encoder/config.json: is no JSON\n"
        "tokenizer.json: is no JSON\n"
        "tokenizer_config.json: is no valid JSON at byte 7\n"
        "unet/model.safetensors: has only 5 bytes, too few for a header\n");
}

TEST_CASE("An index that names files that do not exist is found", "[model]") {
  Model model;
  model.add("a/model.safetensors.index.json",
            R"({"weight_map":{"x":"one.safetensors","y":"two.safetensors","z":"two.safetensors",
                              "w":"three.safetensors"},"other":{"x":"none.safetensors"}})");
  model.add("a/two.safetensors", test::safetensors_file("{}", 0));
  CHECK(model.inspect() ==
        "a/model.safetensors.index.json: names one.safetensors and 1 more files, which the model "
        "does not have\n");
  // What the selection left out exists.
  CHECK(model.inspect({"a/one.safetensors"}) ==
        "a/model.safetensors.index.json: names three.safetensors, which the model does not have\n");
  CHECK(model.inspect({"a/one.safetensors", "a/three.safetensors"}).empty());
}

TEST_CASE("What cannot be read is no finding and stops nothing", "[model]") {
  Model model;
  model.paths.push_back("tokenizer.json");  // not there
  std::filesystem::create_directory(model.directory.path() / "config.json");
  model.paths.push_back("config.json");
  REQUIRE(::mkfifo((model.directory.path() / "a.safetensors").c_str(), 0600) == 0);
  model.paths.push_back("a.safetensors");
  CHECK(model.inspect().empty());
}

TEST_CASE("An inspection that is stopped has no findings that could be taken for all", "[model]") {
  Model model;
  model.add("config.json", "<html>");
  std::stop_source stop;
  stop.request_stop();
  try {
    static_cast<void>(model::inspect(model.directory.path(), model.paths, {}, stop.get_token()));
    FAIL("not interrupted");
  } catch (const util::Error& error) {
    CHECK(error.kind() == util::ErrorKind::interrupted);
  }
}

TEST_CASE("Files that would fill the memory of a parser are passed over", "[model]") {
  Model model;
  const std::string huge(std::size_t{9} << 20U, '1');
  const std::string deep(std::size_t{1} << 20U, '[');
  model.add("config.json", "{\"a\": \"" + huge + "\"}");
  model.add("generation_config.json", "{\"a\": " + huge + "}");
  model.add("tokenizer.json", "{\"" + huge + "\": 1}");
  model.add("a.safetensors",
            test::safetensors_file("{\"__metadata__\":{\"a\":\"" + huge + "\"}}", 0));
  CHECK(model.inspect().empty());
  Model nested;
  nested.add("config.json", "{\"a\": " + deep);
  CHECK(nested.inspect() == "config.json: is no valid JSON at byte 1048583\n");
}

TEST_CASE("An index that names files without end names enough of them", "[model]") {
  Model model;
  std::string index = R"({"weight_map": {)";
  for (int i = 0; i < 30'000; ++i) {
    index += (i == 0 ? "" : ",") + std::string("\"") + std::to_string(i) + "\":\"" +
             std::to_string(i) + "\"";
  }
  model.add("model.safetensors.index.json", index + "}}");
  CHECK(model.inspect() ==
        "model.safetensors.index.json: names 0 and 19999 more files, which the model does not "
        "have\n");
}
