// SPDX-License-Identifier: Apache-2.0
#include "support/mock/loading.hpp"
#include "support/mock/program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

namespace fs = std::filesystem;

namespace {

const fs::path k_llama =
    fs::path(__FILE__).parent_path().parent_path() / "fixtures" / "llama-3.1-8b-instruct.json";

// A directory that goes with the test.
struct Scratch {
  Scratch() {
    std::string name = (fs::temp_directory_path() / "mock-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Scratch() { fs::remove_all(path); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  fs::path write(const std::string& name, const std::string& text) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name) << text;
    return path / name;
  }

  fs::path path;
};

std::string bytes_of(const mock::Content& content) {
  std::string bytes(static_cast<std::size_t>(content.size()), '\0');
  content.read(0, bytes);
  return bytes;
}

}  // namespace

TEST_CASE("the list of Llama 3.1 8B Instruct is the published one") {
  const mock::Repository repository = mock::load_listing(k_llama);
  REQUIRE(repository.id == "meta-llama/Llama-3.1-8B-Instruct");
  REQUIRE(repository.refs.at("main") == "0e9e39f249a16976918f6564b8830bc894c89659");
  const auto& files = repository.commits.front().files;
  REQUIRE(files.size() == 17);
  const auto total = std::accumulate(
      files.begin(), files.end(), std::uint64_t{0},
      [](std::uint64_t sum, const mock::File& f) { return sum + f.content.size(); });
  REQUIRE(total == 32'132'582'325);
  // The digests in the list are taken on trust; a small one stands for all.
  const mock::File* tokenizer = repository.commits.front().find("original/tokenizer.model");
  REQUIRE(tokenizer->lfs);
  REQUIRE(bytes_of(tokenizer->content).size() == 2'183'982);
  REQUIRE(mock::Content::inline_bytes(bytes_of(tokenizer->content)).sha256() ==
          tokenizer->content.sha256());
}

TEST_CASE("made-up contents look like what their names say") {
  const std::string json = bytes_of(mock::plausible_content("a/config.json", 1, 855));
  REQUIRE(json.size() == 855);
  REQUIRE(nlohmann::json::parse(json).is_object());
  REQUIRE(bytes_of(mock::plausible_content("LICENSE", 1, 100)).starts_with("LICENSE\n"));
  for (const std::uint64_t size : {0U, 1U, 5U, 20U}) {
    REQUIRE(bytes_of(mock::plausible_content("x.json", 1, size)).size() == size);
  }
  const std::string tensors = bytes_of(mock::plausible_content("m.safetensors", 1, 10000));
  const auto header_size = static_cast<unsigned char>(tensors[0]);
  const auto header = nlohmann::json::parse(tensors.substr(8, header_size));
  REQUIRE(header.at("tensor").at("data_offsets").at(1) == 10000 - 8 - header_size);
}

TEST_CASE("a directory is served as a repository") {
  const Scratch scratch;
  scratch.write("config.json", "{}");
  scratch.write("sub/weights.onnx", "not large, but weights");
  const mock::Repository repository = mock::load_directory("acme/dir", scratch.path);
  const auto& files = repository.commits.front().files;
  REQUIRE(files.size() == 2);
  REQUIRE(files[0].path == "config.json");
  REQUIRE(!files[0].lfs);
  REQUIRE(files[1].path == "sub/weights.onnx");
  REQUIRE(files[1].lfs);
  REQUIRE(bytes_of(files[1].content) == "not large, but weights");
}

TEST_CASE("digests are kept between runs") {
  const Scratch scratch;
  const fs::path file = scratch.path / "digests.json";
  const auto repository = [] {
    return mock::make_repository("a/b",
                                 {mock::lfs_file("x.bin", mock::Content::generated(5, 100'000))});
  };
  mock::DigestCache cache(file);
  cache.complete(repository());
  cache.save();
  std::ifstream in(file);
  const std::string digest = mock::Content::generated(5, 100'000).sha256();
  REQUIRE(nlohmann::json::parse(in).at("generated:5:100000") == digest);

  scratch.write("digests.json", R"({"generated:5:100000": ")" + std::string(64, 'f') + "\"}");
  const mock::Repository trusting = repository();
  mock::DigestCache(file).complete(trusting);
  REQUIRE(trusting.commits[0].files[0].content.sha256() == std::string(64, 'f'));
  scratch.write("digests.json", "broken");
  const mock::Repository doubting = repository();
  mock::DigestCache(file).complete(doubting);
  REQUIRE(doubting.commits[0].files[0].content.sha256() == digest);
}

TEST_CASE("the command line says what to serve and how") {
  const auto options = mock::parse_program_options(
      {"--tls", "--rate", "50M", "--connection-rate=1k", "--token", "alice=hf_a=b", "--gated",
       "a/b", "--allow", "a/b=alice", "--renamed", "old/name=a/b", "--latency-ms", "50",
       "--location-lifetime", "60"});
  REQUIRE(options.registry.tls);
  REQUIRE(options.registry.shaping.total_bytes_per_second == 50'000'000);
  REQUIRE(options.registry.shaping.connection_bytes_per_second == 1000);
  REQUIRE(options.registry.shaping.latency == std::chrono::milliseconds(50));
  REQUIRE(options.registry.location_lifetime == std::chrono::seconds(60));
  REQUIRE(options.registry.tokens.at("alice") == "hf_a=b");
  const auto repositories = mock::load_repositories(options);
  REQUIRE(repositories.size() == 2);
  REQUIRE(repositories[0].gated);
  REQUIRE(repositories[0].admits("alice"));
  REQUIRE(repositories[1].renamed_to == "a/b");
  REQUIRE(mock::parse_program_options({"--help"}).help);
  REQUIRE(mock::help_text().find("--digest-cache FILE") != std::string::npos);
}

TEST_CASE("mistakes on the command line are named") {
  using Arguments = std::vector<std::string>;
  for (const Arguments& wrong :
       {Arguments{"--nonsense"}, Arguments{"--rate"}, Arguments{"--rate", "fast"},
        Arguments{"--tls=yes"}, Arguments{"--repo", "only-id"}, Arguments{"--hub-port", "70000"},
        Arguments{"stray"}}) {
    REQUIRE_THROWS_AS(mock::parse_program_options(wrong), mock::UsageError);
  }
  REQUIRE_THROWS_AS(
      mock::load_repositories(mock::parse_program_options({"--allow", "no/such=bob"})),
      mock::UsageError);
}

TEST_CASE("a listing that is wrong is refused by name") {
  const Scratch scratch;
  for (const std::string text : {"", "{", "[]", R"({"id": "a/b", "files": [{"path": "x"}]})"}) {
    const fs::path file = scratch.write("listing.json", text);
    REQUIRE_THROWS_AS(mock::load_listing(file), std::runtime_error);
  }
  REQUIRE_THROWS_AS(mock::load_listing(scratch.path / "absent.json"), std::runtime_error);
}
