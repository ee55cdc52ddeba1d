// SPDX-License-Identifier: Apache-2.0
// Holds what docs/reference.md says of the documents that verify and others read to real ones.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <openssl/sha.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "e2e/job.hpp"
#include "e2e/nim_job.hpp"
#include "support/reference.hpp"

using Catch::Matchers::ContainsSubstring;
using nlohmann::json;
using namespace nai::test;

namespace {

// "files[].path" of {"files": [{"path": …}]}
void collect(const json& document, const std::string& prefix, std::set<std::string>& names) {
  for (const auto& [key, value] : document.items()) {
    const std::string name = prefix + key;
    names.insert(name);
    if (value.is_object()) {
      collect(value, name + ".", names);
    } else if (value.is_array()) {
      for (const auto& entry : value) {
        if (entry.is_object()) {
          collect(entry, name + "[].", names);
        }
      }
    }
  }
}

void check_documented(const std::string& heading, const std::vector<json>& documents) {
  std::set<std::string> real;
  for (const auto& document : documents) {
    collect(document, "", real);
  }
  const auto described = documented(heading);
  for (const auto& name : real) {
    INFO(name << " is not documented");
    CHECK(described.contains(name));
  }
  for (const auto& [name, unused] : described) {
    INFO(name << " is documented only");
    CHECK(real.contains(name));
  }
}

json read_json(const std::filesystem::path& path) { return json::parse(read_file(path)); }

// What the reference says of how to go on from a state, with no code of the product.
std::string sha256_from(const std::string& state, std::string_view rest) {
  std::vector<std::string> parts;
  std::istringstream stream(state);
  for (std::string part; std::getline(stream, part, ';');) {
    parts.push_back(part);
  }
  REQUIRE(parts.size() == 6);
  REQUIRE(parts[0] == "sha256");
  SHA256_CTX context;
  SHA256_Init(&context);
  for (std::size_t i = 0; i < 8; ++i) {
    context.h[i] = static_cast<SHA_LONG>(std::stoul(parts[3].substr(i * 8, 8), nullptr, 16));
  }
  const std::uint64_t position = std::stoull(parts[2]);
  const std::uint64_t bits = position / 64 * 64 * 8;
  context.Nl = static_cast<SHA_LONG>(bits);
  context.Nh = static_cast<SHA_LONG>(bits >> 32U);
  std::string tail;
  for (std::size_t i = 0; i + 2 <= parts[4].size(); i += 2) {
    tail += static_cast<char>(std::stoi(parts[4].substr(i, 2), nullptr, 16));
  }
  SHA256_Update(&context, tail.data(), tail.size());
  SHA256_Update(&context, rest.data(), rest.size());
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256_Final(digest, &context);
  std::string hex;
  for (const unsigned char byte : digest) {
    constexpr const char* k_digits = "0123456789abcdef";
    hex += {k_digits[byte >> 4U], k_digits[byte & 15U]};
  }
  return hex;
}

}  // namespace

TEST_CASE("the reference describes the completion record, field by field") {
  mock::Options options = over_tls();
  options.tokens = {{"alice", "hf_verysecret"}};
  mock::Registry registry(options);
  const auto weights = mock::Content::generated(1, 40'000'000);
  registry.add(
      mock::make_repository("org/model", {mock::lfs_file("sub dir/model.safetensors", weights),
                                          mock::regular_file("config.json", "[")}));
  Job job(registry, "org/model");
  job.environment["HF_TOKEN"] = "hf_verysecret";
  REQUIRE(job.run().exit_status == 0);

  mock::NimService service;
  for (auto& model : ngc_models(3'000'000)) {
    service.add(std::move(model));
  }
  service.add(nim_image(manifest_v1()));
  NimJob nim(service);
  nim.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  REQUIRE(nim.run().exit_status == 0);

  const json record = read_json(job.mount() / ".nai/record.json");
  const json nim_record = read_json(nim.mount() / ".nai/record.json");
  check_documented("Completion record", {record, nim_record});

  CHECK(record.at("started_at") <= record.at("completed_at"));
  for (const json& document : {record, nim_record}) {
    for (const auto& file : document.at("files")) {
      const auto url = file.at("url").get<std::string>();
      INFO(url);
      CHECK(url.starts_with("https://"));
      CHECK(url.find_first_of("?#@") == std::string::npos);
    }
  }
  const auto& file = record.at("files").at(1);
  CHECK(file.at("url") == registry.hub_url() + "/org/model/resolve/" +
                              record.at("revision").get<std::string>() +
                              "/sub%20dir/model.safetensors");
  CHECK_THAT(record.at("program").get<std::string>(), ContainsSubstring("nai-model-processor "));
  CHECK_THAT(record.dump(), !ContainsSubstring("hf_verysecret"));
  CHECK_FALSE(record.at("files").at(0).contains("states"));

  // The states, by the recipe of the reference.
  std::ifstream states(job.mount() / file.at("states").get<std::string>());
  std::string line;
  REQUIRE(std::getline(states, line));
  check_documented("Digest trail", {json::parse(line)});
  const std::string content = read_file(job.model_file("sub dir/model.safetensors"));
  std::size_t count = 0;
  while (std::getline(states, line)) {
    std::istringstream parts(line);
    std::string position;
    std::getline(parts, position, ';');
    std::getline(parts, position, ';');
    std::getline(parts, position, ';');
    CHECK(sha256_from(line, std::string_view(content).substr(std::stoull(position))) ==
          weights.sha256());
    ++count;
  }
  CHECK(count == 2);  // at 16 and 32 MiB of 40 MB
}

TEST_CASE("the reference describes the status file and verify's document, field by field") {
  mock::Registry registry(over_tls());
  const auto weights = mock::Content::generated(1, 40'000'000);
  registry.add(mock::make_repository("org/model", {mock::lfs_file("model.safetensors", weights)}));
  Job job(registry, "org/model");
  job.environment["MAX_RETRIES"] = "0";
  registry.down(mock::Host::cdn);
  REQUIRE(job.run().exit_status == 75);
  const json failed = read_json(job.mount() / ".nai/status.json");
  registry.up(mock::Host::cdn);
  REQUIRE(job.run().exit_status == 0);
  json status = read_json(job.mount() / ".nai/status.json");
  for (const char* nested : {"error", "retries_by_cause"}) {
    // Described in the text of their entries.
    status[nested] = nullptr;
  }
  check_documented("Status file", {status});
  CHECK(failed.at("error").at("kind") == "temporary");

  {
    std::fstream file(job.model_file("model.safetensors"),
                      std::ios::binary | std::ios::in | std::ios::out);
    file.put('!');
  }
  const auto result = job.run({"verify", "--json"});
  CHECK(result.exit_status == 5);
  check_documented("Document of verify", {json::parse(result.out)});
}
