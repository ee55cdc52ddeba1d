// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "e2e/job.hpp"
#include "support/mock/loading.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;

namespace {

// Connections the program may have at the same time.
constexpr std::size_t k_most_at_once = 64;

std::uint64_t free_bytes(const std::filesystem::path& path) {
  struct statvfs status {};
  return ::statvfs(path.c_str(), &status) == 0 ? std::uint64_t{status.f_bavail} * status.f_frsize
                                               : 0;
}

// A model, and an empty root file system in which nobody in particular may fetch it.
class AnyUser {
 public:
  static constexpr uid_t k_id = 1000660000;

  AnyUser() {
    m_registry.add(mock::make_repository("org/model", {mock::lfs_file("model.bin", k_weights),
                                                       mock::lfs_file("other.bin", k_weights)}));
    std::filesystem::permissions(m_root.path(), std::filesystem::perms(0755));
    std::filesystem::copy_file(std::getenv("NAI_BINARY"), m_root.path() / "nai-model-processor");
    std::filesystem::create_directory(m_root.path() / "data");
    REQUIRE(::chown((m_root.path() / "data").c_str(), k_id, 0) == 0);
    m_registry.write_ca(m_root.path() / "ca.pem");
  }
  // With no more than `threads` at a time; 0: as many as it likes.
  [[nodiscard]] ProcessResult run(const std::vector<std::string>& arguments, int threads = 0,
                                  Process::Environment environment = {}) const {
    environment.insert({{"REPO_ID", "org/model"},
                        {"HF_ENDPOINT", m_registry.hub_url()},
                        {"SSL_CERT_FILE", "/ca.pem"}});
    std::vector<std::string> command;
    if (threads > 0) {
      command = {"/usr/bin/prlimit", "--nproc=" + std::to_string(threads)};
    }
    command.insert(command.end(), {"/usr/sbin/chroot", "--userspec=" + std::to_string(k_id) + ":0",
                                   m_root.path().string(), "/nai-model-processor"});
    command.insert(command.end(), arguments.begin(), arguments.end());
    return Process(command, environment).wait();
  }
  [[nodiscard]] std::filesystem::path model_files() const {
    return m_root.path() / "data/model-files";
  }
  [[nodiscard]] bool has_model() const {
    return same_content(model_files() / "model.bin", k_weights) &&
           same_content(model_files() / "other.bin", k_weights);
  }

 private:
  inline static const mock::Content k_weights = mock::Content::generated(1, 30'000'000);

  mock::Registry m_registry{over_tls()};
  TemporaryDirectory m_root;
};

}  // namespace

TEST_CASE("five thousand small files, empty ones and one of a byte") {
  mock::Registry registry(over_tls());
  std::vector<mock::File> files;
  for (int i = 0; i < 5000; ++i) {
    files.push_back(mock::regular_file(
        "shards/" + std::to_string(i % 50) + "/" + std::to_string(i) + ".json", std::to_string(i)));
  }
  files.push_back(mock::regular_file("empty.txt", ""));
  files.push_back(mock::regular_file("one.txt", "x"));
  files.push_back(mock::lfs_file("empty.safetensors", mock::Content()));
  registry.add(mock::make_repository("org/many", files));
  const Job job(registry, "org/many");
  const auto result = job.run();
  INFO(result.out << result.err);
  REQUIRE(result.exit_status == 0);
  for (const auto& file : files) {
    REQUIRE(same_content(job.model_file(file.path), file.content));
  }
  // The commit, six pages of the tree, and one request for each file that has content: only until
  // the first answers have told where the Hub redirects to is a redirect asked for.
  CHECK(registry.request_count(mock::RequestKind::commits) == 1);
  CHECK(registry.request_count(mock::RequestKind::tree) == 6);
  CHECK(registry.request_count(mock::RequestKind::resolve_cache) == 5001);
  CHECK(registry.request_count(mock::RequestKind::resolve) <= k_most_at_once);
  CHECK(result.peak_rss_bytes < 128U * 1024 * 1024);
}

TEST_CASE("all sixteen files of Llama 3.1 8B in one run and little memory") {
  const auto model = mock::load_listing(NAI_FIXTURES "/llama-3.1-8b-instruct.json");
  mock::Registry registry(over_tls());
  registry.add(model);
  const Job job(registry, model.id);
  if (free_bytes(job.mount()) < 20'000'000'000) {
    SKIP("needs 20 GB for temporary files");
  }
  const auto result = job.run();
  INFO(result.out << result.err);
  REQUIRE(result.exit_status == 0);
  CHECK_THAT(result.out, ContainsSubstring("16 of 17 files"));
  std::uint64_t total = 0;
  std::size_t count = 0;
  std::size_t regular = 0;
  for (const auto& file : model.commits.at(0).files) {
    if (file.path == "original/consolidated.00.pth") {
      CHECK_FALSE(std::filesystem::exists(job.model_file(file.path)));
      continue;
    }
    ++count;
    regular += file.lfs ? 0 : 1;
    total += file.content.size();
    CHECK(same_content(job.model_file(file.path), file.content));
  }
  CHECK(count == 16);
  CHECK(total / 10'000'000 == 1607);
  // A slow connection's rest may go to an idle one, with what was on its way.
  CHECK(registry.content_bytes_served() < total * 101 / 100);
  CHECK(result.peak_rss_bytes < 128U * 1024 * 1024);
  // Every LFS file's location is asked for once, and a regular file's only while it cannot be told.
  CHECK(registry.request_count(mock::RequestKind::resolve_cache) == regular);
  CHECK(registry.request_count(mock::RequestKind::resolve) >= count - regular);
  CHECK(registry.request_count(mock::RequestKind::resolve) <= count);
}

TEST_CASE("the executable runs in an empty root file system, as any user, without a home") {
  if (::geteuid() != 0) {
    SKIP("needs root for chroot");
  }
  const AnyUser user;
  const auto result = user.run({});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK(result.err.empty());
  CHECK(user.has_model());
  struct stat status {};
  REQUIRE(::stat((user.model_files() / "model.bin").c_str(), &status) == 0);
  CHECK(status.st_uid == AnyUser::k_id);
  CHECK((status.st_mode & 07777) == 0644);
}

TEST_CASE("a container that allows few threads gets by with them") {
  if (::geteuid() != 0) {
    SKIP("needs root for chroot");
  }
  const AnyUser user;
  const auto download = user.run({}, 15, {{"CONNECTIONS", "64"}});
  INFO(download.out << download.err);
  CHECK(download.exit_status == 0);
  CHECK(user.has_model());
  const auto verify = user.run({"verify"}, 6);
  INFO(verify.out << verify.err);
  CHECK(verify.exit_status == 0);
  const auto refused = user.run({"verify"}, 2);
  CHECK(refused.exit_status == 1);
  CHECK_THAT(refused.err, ContainsSubstring("cannot start a thread: ") &&
                              ContainsSubstring("What to do: raise the number of processes"));
}

TEST_CASE("a mirror that lacks endpoints and serves files itself") {
  mock::Options options = over_tls();
  options.mirror = {
      .has_commits = false, .has_tree = false, .has_repo_commit = false, .redirects = false};
  mock::Registry registry(options);
  const auto weights = mock::Content::generated(1, 30'000'000);
  registry.add(mock::make_repository("org/model", {mock::lfs_file("model.safetensors", weights),
                                                   mock::regular_file("config.json", "{}")}));
  const Job job(registry, "org/model");
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK(same_content(job.model_file("model.safetensors"), weights));
  CHECK(read_file(job.model_file("config.json")) == "{}");
}

TEST_CASE("the token goes to the Hub and nowhere else") {
  mock::Options options = over_tls();
  options.tokens = {{"owner", "hf_the-very-secret-token"}};
  mock::Registry registry(options);
  mock::Repository repository = mock::make_repository(
      "org/private", {mock::lfs_file("model.safetensors", mock::Content::generated(1, 200'000'000)),
                      mock::regular_file("config.json", "{}")});
  repository.is_private = true;
  repository.allowed_users = {"owner"};
  registry.add(repository);
  repository.id = "org/old-name";
  repository.renamed_to = "org/private";
  registry.add(repository);
  Job job(registry, "org/old-name");
  job.environment["HF_TOKEN"] = "hf_the-very-secret-token";
  job.environment["LOG_LEVEL"] = "debug";
  const auto result = job.run();
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK(registry.violations().empty());
  for (const auto& request : registry.requests()) {
    CHECK(request.had_authorization == (request.host == mock::Host::hub));
  }
  const std::string said = result.out + result.err;
  for (const char* secret : {"very-secret", "X-Amz-Signature", "Bearer"}) {
    CHECK_THAT(said, !ContainsSubstring(secret));
    for (const auto& entry : std::filesystem::recursive_directory_iterator(job.mount() / ".nai")) {
      const auto content = entry.is_regular_file() ? read_file(entry.path()) : std::string();
      CHECK_THAT(content, !ContainsSubstring(secret));
    }
  }
}

TEST_CASE("two runs on one volume take turns") {
  mock::Options options = over_tls();
  options.shaping.total_bytes_per_second = 50'000'000;
  mock::Registry registry(options);
  const auto weights = mock::Content::generated(1, 100'000'000);
  registry.add(mock::make_repository("org/model", {mock::lfs_file("model.safetensors", weights)}));
  const Job job(registry, "org/model");
  Process first = job.start();
  REQUIRE(registry.wait_for_content_bytes(10'000'000, std::chrono::seconds(60)));
  Process second = job.start();
  CHECK(first.wait().exit_status == 0);
  const auto waited = second.wait();
  INFO(waited.out << waited.err);
  CHECK(waited.exit_status == 0);
  CHECK_THAT(waited.out, ContainsSubstring("waiting for the volume"));
  CHECK(same_content(job.model_file("model.safetensors"), weights));
  CHECK(registry.content_bytes_served() < weights.size() * 11 / 10);
}
