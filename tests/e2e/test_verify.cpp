// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/stat.h>

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "e2e/job.hpp"
#include "e2e/nim_job.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;

namespace {

const mock::Content k_weights = mock::Content::generated(1, 30'000'000);

void add_model(mock::Registry& registry) {
  registry.add(mock::make_repository(
      "org/model", {mock::lfs_file("a.safetensors", k_weights),
                    mock::lfs_file("b.safetensors", mock::Content::generated(2, 2'000'000)),
                    mock::regular_file("sub/config.json", "{}")}));
}

// As a disk does it: nothing tells of it but the content.
void flip_a_bit(const std::filesystem::path& path, std::streamoff offset) {
  struct stat before {};
  REQUIRE(::stat(path.c_str(), &before) == 0);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(offset);
  const auto byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(offset);
  file.put(byte);
  file.close();
  const timespec times[2] = {before.st_atim, before.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("verify finds nothing wrong on a volume that is right, without any server") {
  mock::Registry registry(over_tls());
  add_model(registry);
  Job job(registry, "org/model");
  REQUIRE(job.run().exit_status == 0);
  registry.clear_log();
  job.environment["REPO_ID"] = "";
  const auto result = job.run({"verify"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK(result.err.empty());
  CHECK_THAT(result.out, ContainsSubstring("Verifying 3 files, 32.0 MB, of ") &&
                             ContainsSubstring("against the completion record of ") &&
                             ContainsSubstring("Verified: 3 files, 32.0 MB in ") &&
                             ContainsSubstring(" - all right\n"));
  CHECK(registry.requests().empty());
}

TEST_CASE("verify finds a flipped bit, a missing file and an extra one, and repairs") {
  mock::Registry registry(over_tls());
  add_model(registry);
  Job job(registry, "org/model");
  REQUIRE(job.run().exit_status == 0);
  flip_a_bit(job.model_file("a.safetensors"), 12'345'678);
  std::filesystem::remove(job.model_file("sub/config.json"));
  write_file(job.model_file("notes.txt"), "mine");
  // A download believes the record, as the modification time is the same.
  registry.clear_log();

  auto result = job.run({"verify"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 5);
  CHECK_THAT(result.out, ContainsSubstring("wrong: a.safetensors: found checksum sha256:") &&
                             ContainsSubstring("instead of sha256:" + k_weights.sha256()) &&
                             ContainsSubstring("missing: sub/config.json: found nothing\n") &&
                             ContainsSubstring("extra: notes.txt: ") &&
                             ContainsSubstring(" - 2 not right\n"));
  CHECK_THAT(job.termination_message(),
             ContainsSubstring("2 of 3 files are not as the completion record of ") &&
                 ContainsSubstring("a.safetensors is wrong, sub/config.json is missing") &&
                 ContainsSubstring("verify --repair"));
  CHECK(registry.requests().empty());

  const auto json = nlohmann::json::parse(job.run({"verify", "--json"}).out);
  CHECK(json.at("problems").size() == 2);
  CHECK(json.at("bytes") == 32'000'002);
  CHECK(json.at("extra") == nlohmann::json{"notes.txt"});

  SECTION("from the record") { result = job.run({"verify", "--repair"}); }
  SECTION("from the source") {
    std::filesystem::remove(job.mount() / ".nai/record.json");
    result = job.run({"verify", "--repair", "--against-source"});
  }
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.out, ContainsSubstring("removed: a.safetensors\n") &&
                             ContainsSubstring("## Successfully downloaded model_files"));
  CHECK(same_content(job.model_file("a.safetensors"), k_weights));
  CHECK(read_file(job.model_file("sub/config.json")) == "{}");
  CHECK(read_file(job.model_file("notes.txt")) == "mine");
  // What was right was not fetched again.
  CHECK(registry.content_bytes_served() <= k_weights.size() * 101 / 100);
  CHECK(job.run({"verify"}).exit_status == 0);
}

TEST_CASE("a repair that is cut off leaves a volume that a download completes") {
  mock::Registry registry(over_tls());
  add_model(registry);
  Job job(registry, "org/model");
  job.environment["MAX_RETRIES"] = "0";
  REQUIRE(job.run().exit_status == 0);
  flip_a_bit(job.model_file("a.safetensors"), 5);
  registry.down(mock::Host::cdn);
  CHECK(job.run({"verify", "--repair"}).exit_status == 75);
  CHECK_FALSE(std::filesystem::exists(job.model_file("a.safetensors")));
  CHECK_FALSE(std::filesystem::exists(job.mount() / ".nai/record.json"));
  registry.up(mock::Host::cdn);
  CHECK(job.run().exit_status == 0);
  CHECK(same_content(job.model_file("a.safetensors"), k_weights));
}

TEST_CASE("verify without a record asks the source, or for the model") {
  mock::Registry registry(over_tls());
  add_model(registry);
  Job job(registry, "org/model");
  REQUIRE(job.run().exit_status == 0);
  std::filesystem::remove(job.mount() / ".nai/record.json");
  const auto result = job.run({"verify"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.out, ContainsSubstring("against what the source lists"));
  job.environment["REPO_ID"] = "";
  CHECK(job.run({"verify"}).exit_status == 2);
  CHECK_THAT(job.termination_message(), ContainsSubstring("no completion record"));
}

TEST_CASE("verify says when the volume holds another model") {
  mock::Registry registry(over_tls());
  add_model(registry);
  Job job(registry, "org/model");
  REQUIRE(job.run().exit_status == 0);
  job.environment["REPO_ID"] = "org/other";
  const auto result = job.run({"verify", "--repair"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 2);
  CHECK_THAT(job.termination_message(), ContainsSubstring("the volume holds "));
}

TEST_CASE("verify of a NIM's volume, and its repair") {
  mock::NimService service;
  for (auto& model : ngc_models(3'000'000)) {
    service.add(std::move(model));
  }
  service.add(nim_image(manifest_v1()));
  NimJob job(service);
  job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  REQUIRE(job.run().exit_status == 0);
  CHECK(job.run({"verify"}).exit_status == 0);

  const auto weights =
      job.reader().get(k_ngc_model, k_weights_version, "model-00001-of-00002.safetensors");
  REQUIRE(weights);
  flip_a_bit(std::filesystem::canonical(*weights), 1234);
  const auto broken = job.run({"verify"});
  INFO(broken.out << broken.err);
  CHECK(broken.exit_status == 5);
  const auto repaired = job.run({"verify", "--repair"});
  INFO(repaired.out << repaired.err);
  CHECK(repaired.exit_status == 0);
  CHECK(job.run({"verify"}).exit_status == 0);
}

TEST_CASE("verify tells where a large file is damaged, and its repair fetches hardly more") {
  mock::Registry registry(over_tls());
  const auto weights = mock::Content::generated(7, 200'000'000);
  registry.add(mock::make_repository("org/large", {mock::lfs_file("model.safetensors", weights)}));
  Job job(registry, "org/large");
  REQUIRE(job.run().exit_status == 0);
  const auto states = [&] {
    const auto text =
        read_file(std::filesystem::directory_iterator(job.mount() / ".nai/digests")->path());
    return std::count(text.begin(), text.end(), '\n') - 1;
  };
  CHECK(states() >= 9);
  flip_a_bit(job.model_file("model.safetensors"), 123'456'789);
  registry.clear_log();

  const auto found = job.run({"verify"});
  INFO(found.out << found.err);
  CHECK(found.exit_status == 5);
  CHECK_THAT(found.out, ContainsSubstring("; damaged in bytes "));

  SECTION("at once") {
    const auto repaired = job.run({"verify", "--repair"});
    INFO(repaired.out << repaired.err);
    CHECK(repaired.exit_status == 0);
    CHECK_THAT(repaired.out, ContainsSubstring("taken back: model.safetensors, to fetch "));
  }
  SECTION("after it was cut off") {
    job.environment["MAX_RETRIES"] = "0";
    registry.down(mock::Host::cdn);
    CHECK(job.run({"verify", "--repair"}).exit_status == 75);
    CHECK_FALSE(std::filesystem::exists(job.model_file("model.safetensors")));
    registry.up(mock::Host::cdn);
    CHECK(job.run().exit_status == 0);
  }
  CHECK(registry.content_bytes_served() < 40'000'000);
  CHECK(same_content(job.model_file("model.safetensors"), weights));
  CHECK(job.run({"verify"}).exit_status == 0);
}

TEST_CASE("a file that has another name too is repaired whole") {
  mock::Registry registry(over_tls());
  const auto weights = mock::Content::generated(7, 50'000'000);
  registry.add(mock::make_repository("org/large", {mock::lfs_file("model.safetensors", weights)}));
  const Job job(registry, "org/large");
  REQUIRE(job.run().exit_status == 0);
  const auto other = job.mount() / "other";
  std::filesystem::create_hard_link(job.model_file("model.safetensors"), other);
  flip_a_bit(other, 5);
  const auto damaged = read_file(other);
  CHECK(job.run({"verify", "--repair"}).exit_status == 0);
  CHECK(same_content(job.model_file("model.safetensors"), weights));
  CHECK(read_file(other) == damaged);
}

TEST_CASE("the repair of a NIM's volume stays with the recorded image when its tag moved on") {
  mock::NimService service;
  for (auto& model : ngc_models(3'000'000)) {
    service.add(std::move(model));
  }
  auto image = nim_image(manifest_v1());
  const std::string recorded = service.add(image);
  NimJob job(service);
  job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  REQUIRE(job.run().exit_status == 0);
  image.environment.emplace_back("NEWER=1");
  REQUIRE(service.add(image) != recorded);

  const auto weights =
      job.reader().get(k_ngc_model, k_weights_version, "model-00001-of-00002.safetensors");
  REQUIRE(weights);
  flip_a_bit(std::filesystem::canonical(*weights), 1234);
  const auto repaired = job.run({"verify", "--repair"});
  INFO(repaired.out << repaired.err);
  CHECK(repaired.exit_status == 0);
  const auto record = nlohmann::json::parse(read_file(job.mount() / ".nai/record.json"));
  CHECK(record.at("revision").get<std::string>().find(recorded) != std::string::npos);
  CHECK(job.run({"verify"}).exit_status == 0);
}
