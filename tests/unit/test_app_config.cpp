// SPDX-License-Identifier: Apache-2.0
#include "app/config.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <nai/util/error.hpp>

#include "app/settings.hpp"

namespace {

using namespace nai::app;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using nai::util::Error;
using nai::util::ErrorKind;
using Arguments = std::vector<const char*>;

const Environment k_least{{"REPO_ID", "org/name"}};

Config load(Environment environment, const Arguments& arguments = {}) {
  environment.insert(k_least.begin(), k_least.end());
  return load_config(arguments, environment);
}

std::string refusal(const Environment& environment, const Arguments& arguments = {}) {
  try {
    static_cast<void>(load_config(arguments, environment));
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    return error.what();
  }
  FAIL("accepted");
  return {};
}

const Setting& setting_of(std::string_view variable) {
  const auto all = settings();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Setting& s) { return s.variable == variable; });
  REQUIRE(found != all.end());
  return *found;
}

}  // namespace

TEST_CASE("The environment of the real Job is enough", "[app]") {
  const auto config =
      load_config({}, {{"MODEL_NAME", "nai-f83a3d53-1ac8-402f-86af-0c"},
                       {"OUTPUT_MOUNT", "/data"},
                       {"OUTPUT_FORMAT", "hf"},
                       {"TERMINATION_MESSAGE_FILE_PATH", "/tmp/model-process-termination-message"},
                       {"PROVIDER", "hf"},
                       {"REPO_ID", "Qwen/Qwen3-VL-235B-A22B-Instruct-FP8"},
                       {"REPO_VERSION", ""},
                       {"HF_TOKEN", "hf_abcdefgh"}});
  CHECK(config.command == "download");
  CHECK(config.provider == Provider::hugging_face);
  CHECK(config.output_format == OutputFormat::hugging_face);
  CHECK(config.repository == "Qwen/Qwen3-VL-235B-A22B-Instruct-FP8");
  CHECK(config.revision.empty());
  CHECK(config.model_name == "nai-f83a3d53-1ac8-402f-86af-0c");
  CHECK(config.output_mount == "/data");
  CHECK(config.output.termination_file == "/tmp/model-process-termination-message");
  CHECK(config.output.termination_file_named);
  CHECK(config.hub_token.value == "hf_abcdefgh");
  CHECK(config.hub_token.origin == "HF_TOKEN");
}

TEST_CASE("Without anything but the repository the defaults apply", "[app]") {
  const auto config = load({});
  CHECK(config.model_name == "org/name");
  CHECK(config.output_mount == "/data");
  CHECK(config.hub_endpoint.value().on_the_wire() == "https://huggingface.co/");
  CHECK_FALSE(config.transfer.connections);
  CHECK(config.transfer.bytes_per_second == 0);
  CHECK(config.transfer.chunk_bytes == 64U << 20U);
  CHECK(config.transfer.block_bytes == 1U << 20U);
  CHECK(config.transfer.sync_interval == 5s);
  CHECK(config.transfer.retry.max_attempts == 21);
  CHECK(config.transfer.retry.base_delay == 500ms);
  CHECK(config.connect_timeout == 30s);
  CHECK(config.stall_timeout == 30s);
  CHECK(config.lock.wait_limit == 24h);
  CHECK(config.lock.dead_after == 30s);
  CHECK(config.lock.heartbeat == 5s);
  CHECK(config.output.format == LogFormat::text);
  CHECK(config.output.level == LogLevel::normal);
  CHECK_FALSE(config.output.progress_interval);
  CHECK(config.output.termination_file == "/dev/termination-log");
  CHECK_FALSE(config.output.termination_file_named);
  CHECK(config.hub_token.value.empty());
}

TEST_CASE("Every variable that is empty or blank counts as absent", "[app]") {
  const auto plain = load({});
  for (const Setting& setting : settings()) {
    if (setting.variable.empty() || setting.variable == "REPO_ID") {
      continue;
    }
    for (const char* blank : {"", " \t\n"}) {
      INFO(setting.variable);
      const auto config = load({{std::string(setting.variable), blank}});
      CHECK(config.output_mount == plain.output_mount);
      CHECK(config.extra_ca.empty());
      CHECK(config.hub_token.value.empty());
      CHECK_FALSE(config.output.termination_file_named);
      CHECK(config.include.empty());
      CHECK(config.transfer.connections == plain.transfer.connections);
    }
  }
}

TEST_CASE("A flag wins over its variable, and values are trimmed", "[app]") {
  const Environment environment{{"REPO_ID", " org/name\n"},     {"REPO_VERSION", "v1"},
                                {"CONNECTIONS", "4"},           {"OUTPUT_MOUNT", "/elsewhere/"},
                                {"PROGRESS_INTERVAL", "1m"},    {"MAX_RETRIES", "3"},
                                {"LOG_FORMAT", "json"},         {"HF_ENDPOINT", "hf-mirror.com/"},
                                {"IGNORE_PATTERNS", "a*, ,b*"}, {"LOCK_DEAD_AFTER", "6s"}};
  const auto by_variable = load_config({}, environment);
  CHECK(by_variable.repository == "org/name");
  CHECK(by_variable.revision == "v1");
  CHECK(by_variable.transfer.connections == 4);
  CHECK(by_variable.output_mount == "/elsewhere");
  CHECK(by_variable.output.progress_interval == 60s);
  CHECK(by_variable.transfer.retry.max_attempts == 4);
  CHECK(by_variable.output.format == LogFormat::json);
  CHECK(by_variable.hub_endpoint.value().on_the_wire() == "https://hf-mirror.com/");
  CHECK(by_variable.exclude == std::vector<std::string>{"a*", "b*"});
  CHECK(by_variable.lock.heartbeat == 1s);

  const Arguments arguments{"download",       "--repo-id=other/name",
                            "--repo-version", "",
                            "--connections",  "8",
                            "--output-mount", "./data",
                            "--endpoint",     "http://127.0.0.1:8080/hub/",
                            "--exclude",      R"(["c*"])",
                            "--exclude",      "d*"};
  const auto by_flag = load_config(arguments, environment);
  CHECK(by_flag.repository == "other/name");
  CHECK(by_flag.revision.empty());
  CHECK(by_flag.transfer.connections == 8);
  CHECK(by_flag.output_mount == "data");
  CHECK(by_flag.hub_endpoint.value().on_the_wire() == "http://127.0.0.1:8080/hub");
  CHECK(by_flag.exclude == std::vector<std::string>{"c*", "d*"});
  CHECK(by_flag.output.format == LogFormat::json);
}

TEST_CASE("What is malformed is refused with variable, flag, value and what is accepted", "[app]") {
  struct Row {
    const char* variable;
    const char* value;
    const char* accepted;
  };
  for (const auto& [variable, value, accepted] : std::vector<Row>{
           {"PROVIDER", "s3", "hf or nim"},
           {"PROVIDER", "HF", "hf or nim"},
           {"REPO_VERSION", "a b", "a branch, a tag"},
           {"REPO_VERSION", "../../etc", "a branch, a tag"},
           {"REPO_VERSION", "HEAD~1", "a branch, a tag"},
           {"MODEL_NAME", "a\x1b[31mb", "printable"},
           {"ALLOW_PATTERNS", R"(["*.json",)", "patterns such as"},
           {"IGNORE_PATTERNS", R"(["*.json", 5])", "patterns such as"},
           {"OUTPUT_FORMAT", "gguf", "hf or nim"},
           {"LOCK_WAIT", "soon", "a duration from 0s"},
           {"LOCK_DEAD_AFTER", "100ms", "a duration from 1s to 3600s"},
           {"HF_ENDPOINT", "ftp://host", "an http or https address"},
           {"HF_ENDPOINT", "https://", "an http or https address"},
           {"HF_ENDPOINT", "https://host/?a=b", "an http or https address"},
           {"NGC_API_ENDPOINT", "a b", "an http or https address"},
           {"NGC_AUTH_ENDPOINT", "://", "an http or https address"},
           {"CONNECT_TIMEOUT", "-1", "a duration from 1s"},
           {"STALL_TIMEOUT", "1d", "a duration from 1s"},
           {"MAX_RETRIES", "many", "a whole number from 0 to 1000"},
           {"MAX_RETRIES", "1001", "a whole number from 0 to 1000"},
           {"RETRY_DELAY", "0", "a duration from 0.001s"},
           {"CONNECTIONS", "0", "a whole number from 1 to 64"},
           {"CONNECTIONS", "65", "a whole number from 1 to 64"},
           {"CONNECTIONS", "4.5", "a whole number from 1 to 64"},
           {"CONNECTIONS", "99999999999999999999", "a whole number from 1 to 64"},
           {"RATE_LIMIT", "fast", "bytes a second from 10KB on"},
           {"RATE_LIMIT", "9999", "bytes a second from 10KB on"},
           {"CHUNK_SIZE", "1", "a size from 64KiB"},
           {"CHUNK_SIZE", "65MB", "in steps of 4KiB"},
           {"BLOCK_SIZE", "1GiB", "a size from 4KiB to 8192KiB"},
           {"SYNC_INTERVAL", "often", "a duration from 0.1s"},
           {"LOG_FORMAT", "xml", "text or json"},
           {"LOG_LEVEL", "verbose", "quiet or normal or debug"},
           {"PROGRESS_INTERVAL", "x", "a duration from 0s"},
       }) {
    INFO(variable << "=" << value);
    const Setting& setting = setting_of(variable);
    const auto by_variable = refusal({{"REPO_ID", "org/name"}, {variable, value}});
    CHECK_THAT(by_variable, ContainsSubstring(name_of(setting)));
    CHECK_THAT(by_variable, ContainsSubstring(accepted));
    if (!setting.flag.empty()) {
      const auto flag = std::string(setting.flag) + "=" + value;
      CHECK(refusal(k_least, {flag.c_str()}) == by_variable);
    }
  }
}

TEST_CASE("A rate limit is any number of bytes, or none", "[app]") {
  const auto limit = [](const char* value) {
    return load({{"REPO_ID", "a/b"}, {"RATE_LIMIT", value}}).transfer.bytes_per_second;
  };
  CHECK(limit("100MB") == 100'000'000);
  CHECK(limit("12345") == 12'345);
  CHECK(limit("none") == 0);
}

TEST_CASE("A value in a refusal cannot drive a terminal or fill the log", "[app]") {
  CHECK_THAT(refusal({{"PROVIDER", "a\x1b[2J"}}), ContainsSubstring("\"a?[2J\""));
  CHECK(refusal({{"PROVIDER", std::string(100'000, 'x')}}).size() < 400);
}

TEST_CASE("A shard is one of several, and of a repository", "[app]") {
  const auto shard = [](const char* count, const char* index) {
    return Environment{{"REPO_ID", "a/b"}, {"SHARD_COUNT", count}, {"JOB_COMPLETION_INDEX", index}};
  };
  CHECK(load(shard("4", "3")).shards.index == 3);
  CHECK(load(shard("1", "7")).shards.count == 1);
  CHECK_THAT(refusal(shard("4", "4")), ContainsSubstring("expected an index from 0 to 3"));
  CHECK_THAT(refusal({{"REPO_ID", "a/b"}, {"SHARD_COUNT", "2"}}),
             ContainsSubstring("JOB_COMPLETION_INDEX (--shard-index) is not set"));
  CHECK_THAT(refusal({{"REPO_ID", "nvcr.io/nim/a/b:1"},
                      {"PROVIDER", "nim"},
                      {"SHARD_COUNT", "2"},
                      {"JOB_COMPLETION_INDEX", "0"}}),
             ContainsSubstring("leave SHARD_COUNT out"));
}

TEST_CASE("What contradicts itself is refused", "[app]") {
  CHECK_THAT(refusal({{"REPO_ID", "a/b"}, {"OUTPUT_FORMAT", "nim"}}),
             ContainsSubstring("OUTPUT_FORMAT (--output-format) is \"nim\" while PROVIDER "
                               "(--provider) is \"hf\""));
  CHECK_THAT(refusal({{"REPO_ID", "a/b"}, {"PROVIDER", "nim"}, {"OUTPUT_FORMAT", "hf"}}),
             ContainsSubstring("\"hf\" while PROVIDER (--provider) is \"nim\""));
  CHECK_THAT(
      refusal({{"REPO_ID", "a/b"}, {"CHUNK_SIZE", "64KiB"}, {"BLOCK_SIZE", "1MiB"}}),
      ContainsSubstring("CHUNK_SIZE (--chunk-size) is smaller than BLOCK_SIZE (--block-size)"));
}

TEST_CASE("A small chunk size is the smallest there is", "[app]") {
  const auto config = load({{"CHUNK_SIZE", "1MiB"}});
  CHECK(config.transfer.chunk_bytes == 1U << 20U);
  CHECK(config.transfer.min_chunk_bytes == 1U << 20U);
}

TEST_CASE("The repository is required and checked", "[app]") {
  CHECK_THAT(refusal({}), ContainsSubstring("REPO_ID (--repo-id) is not set"));
  CHECK_THAT(refusal({{"REPO_ID", " "}}), ContainsSubstring("REPO_ID (--repo-id) is not set"));
  for (const char* bad : {"../../etc", "a/b/c", "a/..", "/a/b", "a b", "a/b.git", "a/b\n/c",
                          "https://example.com/a/b"}) {
    INFO(bad);
    CHECK_THAT(refusal({{"REPO_ID", bad}}), ContainsSubstring("REPO_ID (--repo-id)"));
  }
  CHECK(load_config({}, {{"REPO_ID", "https://huggingface.co/org/name"}}).repository == "org/name");
}

TEST_CASE("A NIM image is taken as it is", "[app]") {
  const auto config = load_config({}, {{"PROVIDER", "nim"},
                                       {"REPO_ID", "nvcr.io/nim/meta/llama-3.1-8b-instruct:1.2.2"},
                                       {"NGC_API_KEY", "nvapi-abcdefgh"}});
  CHECK(config.repository == "nvcr.io/nim/meta/llama-3.1-8b-instruct:1.2.2");
  CHECK(config.output_format == OutputFormat::nim);
  CHECK(config.ngc_key.value == "nvapi-abcdefgh");
  const auto mirror = load_config({}, {{"PROVIDER", "nim"},
                                       {"REPO_ID", "harbor.corp/proxy/nim/meta/llama"},
                                       {"REGISTRY_USERNAME", "robot"},
                                       {"REGISTRY_PASSWORD", "secret"},
                                       {"NIM_TAGS_SELECTOR", "tp=1, precision = bf16"},
                                       {"GPU_COUNT", "2"}});
  CHECK(mirror.repository == "harbor.corp/proxy/nim/meta/llama:latest");
  CHECK(mirror.registry_user == "robot");
  CHECK(mirror.registry_password.value == "secret");
  CHECK(mirror.wishes.tags.at("precision") == "bf16");
  CHECK(mirror.wishes.gpu_count == 2U);
  CHECK_THAT(refusal({{"PROVIDER", "nim"}, {"REPO_ID", "a/b"}, {"NIM_TAGS_SELECTOR", "tp"}}),
             ContainsSubstring("NIM_TAGS_SELECTOR"));
  CHECK_THAT(refusal({{"PROVIDER", "nim"}, {"REPO_ID", "nvcr.io/a b"}}),
             ContainsSubstring("is no image reference"));
}

TEST_CASE("Patterns come as a JSON list or separated by commas", "[app]") {
  using List = std::vector<std::string>;
  CHECK(load({{"ALLOW_PATTERNS", "*.json, *.txt ,"}}).include == List{"*.json", "*.txt"});
  CHECK(load({{"ALLOW_PATTERNS", R"([ "*.json", "a,b", "" ])"}}).include == List{"*.json", "a,b"});
  CHECK(load({{"ALLOW_PATTERNS", "[a-c]*.json,[d]"}}).include == List{"[a-c]*.json", "[d]"});
  CHECK(load({{"ALLOW_PATTERNS", "[]"}}).include.empty());
}

TEST_CASE("Extra certificates are collected with the variable that named them", "[app]") {
  const auto config = load({{"SSL_CERT_FILE", "/a.pem"}, {"REQUESTS_CA_BUNDLE", "/b"}});
  REQUIRE(config.extra_ca.size() == 2);
  CHECK(config.extra_ca[0].variable == "SSL_CERT_FILE");
  CHECK(config.extra_ca[0].path == "/a.pem");
  CHECK(config.extra_ca[1].variable == "REQUESTS_CA_BUNDLE");
}

TEST_CASE("Arguments that are not known are refused without repeating a token", "[app]") {
  CHECK_THAT(refusal(k_least, {"downlaod"}),
             ContainsSubstring("unknown command \"downlaod\": expected download"));
  CHECK_THAT(refusal(k_least, {"--conections", "4"}),
             ContainsSubstring("unknown option --conections"));
  CHECK_THAT(refusal(k_least, {"--connections"}), ContainsSubstring("--connections"));
  CHECK_THAT(refusal(k_least, {"--connections", "4", "--connections", "5"}),
             ContainsSubstring("--connections is given more than once"));
  for (const auto& arguments :
       {Arguments{"--token", "hf_secretsecret"}, Arguments{"--token=hf_secretsecret"},
        Arguments{"--hf-token=hf_secretsecret"}, Arguments{"hf_secretsecret"},
        Arguments{"download", "hf_secretsecret"}, Arguments{"-t", "hf_secretsecret"},
        Arguments{"--ngc-api-key", "hf_secretsecret"}}) {
    CHECK_THAT(refusal(k_least, arguments), !ContainsSubstring("secretsecret"));
  }
}

TEST_CASE("Help and version need no valid configuration", "[app]") {
  const Environment broken{{"CONNECTIONS", "x"}};
  CHECK(load_config(Arguments{"--help"}, broken).show_help);
  CHECK(load_config(Arguments{"download", "-h"}, broken).show_help);
  CHECK(load_config(Arguments{"-V"}, broken).show_version);
}

TEST_CASE("How to report is known even when the configuration is refused", "[app]") {
  const Environment environment{{"CONNECTIONS", "x"},
                                {"LOG_FORMAT", "json"},
                                {"LOG_LEVEL", "loud"},
                                {"TERMINATION_MESSAGE_FILE_PATH", "/t"}};
  const auto by_variable = load_output_config({}, environment);
  CHECK(by_variable.format == LogFormat::json);
  CHECK(by_variable.level == LogLevel::normal);
  CHECK(by_variable.termination_file == "/t");
  CHECK(load_output_config(Arguments{"--bogus"}, environment).termination_file == "/t");
  CHECK(load_output_config(Arguments{"--log-format", "text"}, environment).format ==
        LogFormat::text);
}

TEST_CASE("The environment's secrets are tokens and passwords", "[app]") {
  auto secrets = secrets_in({{"HF_TOKEN", " hf_aaaa\n"},
                             {"NGC_CLI_API_KEY", "nvapi-bbbb"},
                             {"HTTPS_PROXY", "http://user:p@ssword@proxy:3128"},
                             {"all_proxy", "user:secret2@proxy"},
                             {"HF_ENDPOINT", "https://me:secret3@mirror/hf"},
                             {"NO_PROXY", "a:b"},
                             {"REPO_ID", "org/name"}});
  std::sort(secrets.begin(), secrets.end());
  CHECK(secrets ==
        std::vector<std::string>{"hf_aaaa", "nvapi-bbbb", "p@ssword", "secret2", "secret3"});
}

TEST_CASE("The environment of a process is read as it is", "[app]") {
  const char* const variables[] = {"A=1", "B=", "C=x=y", "=odd", "none", nullptr};
  const auto environment = read_environment(variables);
  CHECK(environment == Environment{{"A", "1"}, {"B", ""}, {"C", "x=y"}, {"", "odd"}});
  CHECK(read_environment(nullptr).empty());
}

TEST_CASE("The table of settings is consistent", "[app]") {
  for (const Setting& setting : settings()) {
    INFO(setting.variable << setting.flag);
    CHECK_FALSE((setting.variable.empty() && setting.flag.empty()));
    CHECK((setting.flag.empty() || setting.is_switch) == setting.value_name.empty());
    CHECK_FALSE(setting.help.empty());
    CHECK_FALSE(setting.help.ends_with('.'));
    CHECK((setting.flag.empty() || setting.apply != nullptr));
    const auto same = [&](const Setting& other) {
      return (!setting.variable.empty() && other.variable == setting.variable) ||
             (!setting.flag.empty() && other.flag == setting.flag);
    };
    CHECK(std::count_if(settings().begin(), settings().end(), same) == 1);
  }
}

TEST_CASE("Switches take no value and go with their commands", "[app]") {
  CHECK_FALSE(load({}, {"resolve"}).options.json);
  CHECK(load({}, {"resolve", "--json", "--files"}).options.files);
  CHECK(load({}, {"--json", "resolve"}).options.json);
  CHECK(load({}, {"verify", "--repair"}).options.repair);
  CHECK(load({{"NFS_SERVER", "files"}}).options.nfs_server == "files");
  CHECK_THAT(refusal(k_least, {"--repair"}),
             ContainsSubstring("--repair is an option of verify, and the command is download"));
  CHECK_THAT(refusal(k_least, {"check", "--files"}), ContainsSubstring("option of resolve"));
  CHECK_THAT(refusal(k_least, {"resolve", "--json", "--kubernetes"}), ContainsSubstring("--json"));
}

TEST_CASE("Only some commands need a model", "[app]") {
  CHECK(load_config(Arguments{"check"}, {}).repository.empty());
  CHECK(load_config(Arguments{"verify"}, {}).repository.empty());
  CHECK_THAT(refusal({}, {"resolve"}), ContainsSubstring("REPO_ID"));
}
