// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <string>

#include <nai/model/inspection.hpp>
#include <nai/model/safetensors.hpp>

#include "fuzz/input.hpp"
#include "support/safetensors.hpp"
#include "support/temporary_directory.hpp"

// What a model's author published: anything at all.

namespace {

using namespace nai;
using nai::fuzz::require;

void safetensors(const std::string& file) {
  const auto read = [&](std::span<std::byte> data, std::uint64_t offset) {
    require(offset <= file.size());
    const auto length = std::min<std::size_t>(data.size(), file.size() - offset);
    std::memcpy(data.data(), file.data() + offset, length);
    return length;
  };
  const auto problem = model::safetensors_problem(read, file.size());
  require(problem.size() < 1000);
  require(std::none_of(problem.begin(), problem.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
}

void json(const std::string& name, const std::string& text) {
  static const test::TemporaryDirectory directory;
  test::write_file(directory.path() / name, text);
  for (const auto& finding : model::inspect(directory.path(), {name}, {}, {})) {
    require(!finding.problem.empty() && finding.problem.size() < 1000);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  switch (input.choice) {
    case 'f':
      safetensors(input.text);
      break;
    case 'i':
      json("model.safetensors.index.json", input.text);
      break;
    case 'c':
      json("config.json", input.text);
      break;
    default:
      safetensors(test::safetensors_file(input.text, 64));
  }
  return 0;
}
