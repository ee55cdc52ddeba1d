// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "e2e/job.hpp"
#include "support/mock/message.hpp"

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using namespace nai::test;

namespace {

// What every failure owes the operator: the status, the same text as last words and as termination
// message, and a first line fit for a UI.
void check_failure(const Job& job, const ProcessResult& result, int status,
                   const std::string& words) {
  INFO(result.out << result.err);
  CHECK(result.exit_status == status);
  const std::string message = job.termination_message();
  CHECK_THAT(message, ContainsSubstring(words));
  CHECK(message.find('\n') > 10);
  CHECK(message.size() <= 4096);
  CHECK_THAT(result.err, ContainsSubstring(message));
  CHECK(result.err.ends_with(message + "\n"));
}

mock::Repository hostile(const std::vector<std::string>& paths) {
  std::vector<mock::File> files;
  for (const std::string& path : paths) {
    files.push_back(mock::regular_file(path, "content of " + path));
  }
  return mock::make_repository("org/model", std::move(files));
}

}  // namespace

TEST_CASE("what is no Hub's answer is told in a sentence, with what to check") {
  struct Case {
    int answered;
    std::string words;
  };
  for (const Case& c :
       {Case{400, "400 Client Error: Bad Request for url"}, Case{418, "418 Client Error"},
        Case{302, "it answered 302 Found to https://127.0.0.1"}}) {
    mock::Registry registry(over_tls());
    registry.set_fault_hook([&](const mock::RequestInfo&) {
      return mock::Fault{.answer = mock::text_response(c.answered, "", "text/plain")};
    });
    Job job(registry, "org/model");
    const auto result = job.run();
    check_failure(job, result, 2, c.words);
    CHECK_THAT(result.err, StartsWith("Configuration error: 127.0.0.1 does not take this request; "
                                      "check REPO_ID, REPO_VERSION, HF_ENDPOINT"));
    CHECK(std::filesystem::is_empty(job.mount()));
  }
}

TEST_CASE("configuration mistakes name the variable and touch nothing") {
  const mock::Registry registry(over_tls());
  struct Case {
    std::string variable;
    std::string value;
    std::string words;
  };
  const std::vector<Case> cases{
      {"REPO_ID", "", "REPO_ID"},
      {"REPO_ID", "../../etc/passwd", "REPO_ID"},
      {"REPO_ID", "org/name/more", "REPO_ID"},
      {"REPO_ID", "org/na me", "REPO_ID"},
      {"PROVIDER", "s3", "PROVIDER"},
      {"OUTPUT_FORMAT", "nim", "OUTPUT_FORMAT"},
      {"OUTPUT_FORMAT", "gguf", "OUTPUT_FORMAT"},
      {"OUTPUT_MOUNT", "/does/not/exist", "OUTPUT_MOUNT"},
      {"OUTPUT_MOUNT", "/etc/hostname", "OUTPUT_MOUNT"},
      {"HF_ENDPOINT", "ftp://example.org", "HF_ENDPOINT"},
      {"HF_ENDPOINT", "not a url", "HF_ENDPOINT"},
      {"HF_TOKEN", "two words", "HF_TOKEN"},
      {"CONNECTIONS", "many", "CONNECTIONS"},
      {"CONNECTIONS", "0", "CONNECTIONS"},
      {"CHUNK_SIZE", "-1", "CHUNK_SIZE"},
      {"ALLOW_PATTERNS", "[\"unclosed", "ALLOW_PATTERNS"},
      {"LOG_FORMAT", "xml", "LOG_FORMAT"},
      {"SSL_CERT_FILE", "/does/not/exist.pem", "SSL_CERT_FILE"},
  };
  for (const Case& c : cases) {
    INFO(c.variable << "=" << c.value);
    Job job(registry, "org/model");
    job.environment[c.variable] = c.value;
    const auto result = job.run();
    check_failure(job, result, 2, c.words);
    CHECK(std::filesystem::is_empty(job.mount()));
    CHECK_THAT(result.err, !ContainsSubstring("two words"));
  }
  CHECK(registry.requests().empty());
}

TEST_CASE("repositories that cannot be read end before any directory exists") {
  mock::Options options = over_tls();
  options.tokens = {{"somebody", "hf_somebody"}};
  mock::Registry registry(options);
  mock::Repository repository = hostile({"config.json"});
  repository.id = "org/private";
  repository.is_private = true;
  registry.add(repository);
  repository.id = "org/disabled";
  repository.is_private = false;
  repository.disabled = true;
  registry.add(repository);
  repository.id = "org/open";
  repository.disabled = false;
  registry.add(repository);

  struct Case {
    std::string repository;
    std::string revision;
    std::string token;
    int status;
    std::string words;
  };
  const std::vector<Case> cases{
      {"org/missing", "", "", 3, "Repository Not Found for url"},
      {"org/missing", "", "hf_somebody", 4, "Hugging Face Repo not found: 404 Client Error."},
      {"org/private", "", "", 3, "Token unauthorized to access Hugging Face Repo: 401"},
      {"org/open", "", "hf_wrong", 3, "Invalid credentials in Authorization header"},
      {"org/open", "v99", "", 4, "Revision Not Found for url"},
      {"org/disabled", "", "", 3, "Access to this resource is disabled."},
  };
  for (const Case& c : cases) {
    INFO(c.repository << " at " << c.revision << " with " << c.token);
    Job job(registry, c.repository);
    job.environment["REPO_VERSION"] = c.revision;
    job.environment["HF_TOKEN"] = c.token;
    const auto result = job.run();
    check_failure(job, result, c.status, c.words);
    CHECK_THAT(result.err, ContainsSubstring("(Request ID: Root=1-"));
    CHECK(std::filesystem::is_empty(job.mount()));
    CHECK_THAT(result.out + result.err, !ContainsSubstring("hf_somebody"));
  }
}

TEST_CASE("file names that must not become paths are refused by name") {
  const std::vector<std::vector<std::string>> trees{
      {"../outside"},
      {"a/../../outside"},
      {"/etc/cron.d/evil"},
      {"a\\b"},
      {"C:/windows"},
      {std::string("nul\0byte", 8)},
      {"line\nfeed"},
      {std::string(300, 'n')},
      {"a//b"},
      {"./a"},
      {""},
      {"a", "a/b"},
      {"Config.json", "config.json"},
      {"twice", "twice"},
  };
  for (const auto& paths : trees) {
    INFO(paths.back());
    mock::Registry registry(over_tls());
    registry.add(hostile(paths));
    const Job job(registry, "org/model");
    const auto result = job.run();
    INFO(result.err);
    CHECK(result.exit_status == 5);
    CHECK_FALSE(job.termination_message().empty());
    CHECK(registry.content_bytes_served() == 0);
    CHECK_FALSE(std::filesystem::exists(job.mount() / "outside"));
    CHECK(std::filesystem::is_empty(job.mount() / "model-files"));
  }
}

TEST_CASE("a tree that lies about sizes or checksums publishes nothing") {
  for (const std::uint64_t listed : {std::uint64_t{0}, std::uint64_t{500}, std::uint64_t{2000}}) {
    mock::Registry registry(over_tls());
    auto file = mock::lfs_file("model.safetensors", mock::Content::generated(1, 1000));
    file.listed_size = listed;
    registry.add(mock::make_repository("org/model", {file}));
    Job job(registry, "org/model");
    job.environment["MAX_RETRIES"] = "2";
    job.environment["RETRY_DELAY"] = "1ms";
    const auto result = job.run();
    INFO(listed << result.out << result.err);
    CHECK((result.exit_status == 5 || result.exit_status == 75));
    CHECK_THAT(job.termination_message(), ContainsSubstring("model.safetensors"));
    CHECK_FALSE(std::filesystem::exists(job.model_file("model.safetensors")));
  }
  mock::Registry registry(over_tls());
  auto file = mock::lfs_file("model.safetensors", mock::Content::generated(1, 1000));
  file.listed_id = std::string(64, 'a');
  registry.add(mock::make_repository("org/model", {file}));
  const Job job(registry, "org/model");
  check_failure(job, job.run(), 5, "model.safetensors");
  CHECK_FALSE(std::filesystem::exists(job.model_file("model.safetensors")));
}

TEST_CASE("answers that are no answers end in one sentence") {
  mock::Registry registry(over_tls());
  registry.add(hostile({"config.json"}));
  struct Case {
    mock::RequestKind kind;
    std::string body;
  };
  const std::vector<Case> cases{
      {mock::RequestKind::commits, "{\"truncated\": "},
      {mock::RequestKind::commits, "[]"},
      {mock::RequestKind::commits, "[{\"id\": 5}]"},
      {mock::RequestKind::commits, "[{\"id\": \"../../x\"}]"},
      {mock::RequestKind::tree, "[{\"type\": \"file\"}]"},
      {mock::RequestKind::tree, "{\"path\": \"object, not a list\"}"},
      {mock::RequestKind::tree, "[{\"type\":\"file\",\"path\":\"a\",\"size\":-1,\"oid\":\"x\"}]"},
      {mock::RequestKind::tree, std::string(100'000, '[')},
      {mock::RequestKind::tree, "[" + std::string(52'000'000, ' ') + "]"},
  };
  for (const Case& c : cases) {
    INFO(c.body.substr(0, 60));
    registry.set_fault_hook([&](const mock::RequestInfo& request) {
      mock::Fault fault;
      if (request.kind == c.kind) {
        fault.answer = mock::json_response(200, c.body);
      }
      return fault;
    });
    Job job(registry, "org/model");
    job.environment["MAX_RETRIES"] = "1";
    job.environment["RETRY_DELAY"] = "1ms";
    const auto result = job.run();
    INFO(result.err);
    CHECK(result.exit_status != 0);
    CHECK(result.signal == 0);
    CHECK_FALSE(job.termination_message().empty());
    CHECK(result.peak_rss_bytes < 256'000'000);
    registry.set_fault_hook(nullptr);
  }
}

TEST_CASE("a volume that cannot be written says so") {
  if (::geteuid() != 0) {
    SKIP("needs root to mount");
  }
  mock::Registry registry(over_tls());
  registry.add(mock::make_repository(
      "org/model", {mock::lfs_file("model.safetensors", mock::Content::generated(1, 40'000'000))}));
  const Job job(registry, "org/model");
  const auto mount = [&](unsigned long flags, const char* options) {
    return ::mount("tmpfs", job.mount().c_str(), "tmpfs", flags, options) == 0;
  };
  SECTION("read-only") {
    if (!mount(MS_RDONLY, "size=1m")) {
      SKIP("mounting is not allowed here");
    }
    check_failure(job, job.run(), 6, "Read-only file system");
  }
  SECTION("full") {
    if (!mount(0, "size=10m")) {
      SKIP("mounting is not allowed here");
    }
    const auto result = job.run();
    check_failure(job, result, 7, "No space left on device");
    CHECK_THAT(job.termination_message(), ContainsSubstring("available"));
  }
  ::umount(job.mount().c_str());
}
