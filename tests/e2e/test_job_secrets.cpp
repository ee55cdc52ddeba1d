// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <nai/util/base64.hpp>

#include "e2e/job.hpp"
#include "e2e/nim_job.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;
using namespace std::chrono_literals;

namespace {

const std::string k_token = "hf_AliceSecretTokenAbCdEf0123456789";
const std::string k_key = "nvapi-SecretKeyOfSomebody-0123456789";

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The values in the queries of signed addresses: who has one of them has the file.
template <typename Records>
std::set<std::string> signatures_in(const Records& records) {
  std::set<std::string> found;
  for (const auto& record : records) {
    const auto query = record.target.find('?');
    if (record.kind != mock::RequestKind::content || query == std::string::npos) {
      continue;
    }
    for (const std::string name : {"Signature=", "X-Amz-Signature=", "X-Amz-Credential="}) {
      const auto at = record.target.find(name, query);
      if (at != std::string::npos) {
        const auto begin = at + name.size();
        found.insert(record.target.substr(begin, record.target.find('&', begin) - begin));
      }
    }
  }
  return found;
}

void check_absent(const std::string& where, const std::string& text,
                  const std::set<std::string>& secrets) {
  for (const std::string& secret : secrets) {
    INFO(where);
    CHECK(text.find(secret) == std::string::npos);
  }
}

void check_volume(const std::filesystem::path& mount, const std::set<std::string>& secrets) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(mount)) {
    check_absent(entry.path().string(), entry.path().string(), secrets);
    if (entry.is_regular_file()) {
      check_absent(entry.path().string(), content_of(entry.path()), secrets);
    }
  }
}

// While it runs: what everybody on the machine can see, and what its memory may become.
void check_process(pid_t pid, const std::set<std::string>& secrets) {
  const std::filesystem::path proc = "/proc/" + std::to_string(pid);
  check_absent("cmdline", content_of(proc / "cmdline"), secrets);
  for (const auto& thread : std::filesystem::directory_iterator(proc / "task")) {
    check_absent("comm", content_of(thread.path() / "comm"), secrets);
    // No children, so no other process has the environment or the memory.
    CHECK(content_of(thread.path() / "children").empty());
  }
  CHECK_THAT(content_of(proc / "limits"), ContainsSubstring("Max core file size        0 "));
}

// Lets children write core files if they want to.
class CoreFilesAllowed {
 public:
  CoreFilesAllowed() {
    ::getrlimit(RLIMIT_CORE, &m_before);
    rlimit limit = m_before;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_CORE, &limit);
  }
  ~CoreFilesAllowed() { ::setrlimit(RLIMIT_CORE, &m_before); }
  CoreFilesAllowed(const CoreFilesAllowed&) = delete;
  CoreFilesAllowed& operator=(const CoreFilesAllowed&) = delete;

 private:
  rlimit m_before{};
};

mock::Response redirect(int status, const std::string& location) {
  mock::Response response;
  response.status = status;
  response.headers.set("Location", location);
  return response;
}

mock::Options with_token() {
  mock::Options options = over_tls();
  options.tokens = {{"alice", k_token}};
  return options;
}

mock::Repository private_model(const mock::Content& weights) {
  auto repository = mock::make_repository(
      "org/model",
      {mock::regular_file("config.json", "{}"), mock::lfs_file("model.safetensors", weights)});
  repository.is_private = true;
  repository.allowed_users = {"alice"};
  return repository;
}

bool saw_authorization(const mock::Registry& registry) {
  const auto requests = registry.requests();
  return std::any_of(requests.begin(), requests.end(),
                     [](const auto& request) { return request.had_authorization; });
}

}  // namespace

TEST_CASE("no token and no signed address is in any output, file or process list") {
  const CoreFilesAllowed core_files;
  mock::Options options = with_token();
  options.shaping.connection_bytes_per_second = 2'000'000;
  options.cdn_send_buffer_bytes = 64 * 1024;
  options.location_lifetime = 7s;  // so that some are refused
  mock::Registry registry(options);
  registry.add(private_model(mock::Content::generated(3, 40'000'000)));
  // Servers that repeat what they were sent, and failures that are worth a log line.
  registry.set_fault_hook([&](const mock::RequestInfo& info) -> mock::Fault {
    if (info.kind == mock::RequestKind::content && info.attempt % 3 == 0) {
      return {.answer = mock::text_response(503, "cannot serve " + info.target, "text/plain")};
    }
    if (info.kind == mock::RequestKind::tree && info.attempt == 1) {
      return {.answer = mock::text_response(500, "Bearer " + k_token, "text/plain")};
    }
    return {};
  });
  Job job(registry, "org/model");
  job.environment["HF_TOKEN"] = k_token;
  job.environment["LOG_LEVEL"] = "debug";
  job.environment["RETRY_DELAY"] = "10ms";
  job.environment["MAX_RETRIES"] = "200";

  auto killed = job.start();
  REQUIRE(registry.wait_for_content_bytes(8'000'000, 60s));
  check_process(killed.pid(), {k_token});
  killed.send_signal(SIGKILL);
  const auto first = killed.wait();
  const std::set<std::string> half = [&] {
    auto secrets = signatures_in(registry.requests());
    secrets.insert(k_token);
    return secrets;
  }();
  REQUIRE(half.size() > 1);
  check_volume(job.mount(), half);

  const auto second = job.run();
  INFO(second.err);
  REQUIRE(second.exit_status == 0);
  auto secrets = signatures_in(registry.requests());
  secrets.insert(k_token);
  CHECK_THAT(first.err + second.err, ContainsSubstring("503"));
  check_absent("output", first.out + first.err + second.out + second.err, secrets);
  check_volume(job.mount(), secrets);
  CHECK(registry.violations().empty());
}

TEST_CASE("a server that repeats what it was sent does not bring it into the reason of a failure") {
  mock::Registry registry(with_token());
  registry.add(private_model(mock::Content::generated(3, 100'000)));
  registry.set_fault_hook([&](const mock::RequestInfo& info) -> mock::Fault {
    if (info.kind != mock::RequestKind::content) {
      return {};
    }
    return {.answer = mock::text_response(503, "Bearer " + k_token + " GET " + info.target,
                                          "text/plain")};
  });
  Job job(registry, "org/model");
  job.environment["HF_TOKEN"] = k_token;
  job.environment["RETRY_DELAY"] = "1ms";
  job.environment["MAX_RETRIES"] = "1";
  for (const std::string format : {"text", "json"}) {
    job.environment["LOG_FORMAT"] = format;
    const auto result = job.run();
    INFO(result.err << job.termination_message());
    CHECK(result.exit_status == 75);
    auto secrets = signatures_in(registry.requests());
    REQUIRE_FALSE(secrets.empty());
    secrets.insert(k_token);
    CHECK_THAT(job.termination_message(), ContainsSubstring("503"));
    check_absent("output", result.out + result.err, secrets);
    check_absent("termination message", job.termination_message(), secrets);
  }
}

TEST_CASE("a long answer that is cut within a secret does not bring its beginning out") {
  mock::Registry registry(with_token());
  registry.add(private_model(mock::Content::generated(3, 100'000)));
  for (const auto kind : {mock::RequestKind::tree, mock::RequestKind::content}) {
    for (const std::size_t before : {965U, 975U, 985U}) {
      registry.set_fault_hook([&](const mock::RequestInfo& info) -> mock::Fault {
        if (info.kind != kind) {
          return {};
        }
        return {.answer = mock::text_response(
                    500, std::string(before, 'x') + " " + k_token + std::string(300, 'y'),
                    "text/plain")};
      });
      Job job(registry, "org/model");
      job.environment["HF_TOKEN"] = k_token;
      job.environment["RETRY_DELAY"] = "1ms";
      job.environment["MAX_RETRIES"] = "1";
      const auto result = job.run();
      INFO(result.err);
      CHECK(result.exit_status == 75);
      const std::set<std::string> beginning{k_token.substr(0, 8)};
      check_absent("output", result.out + result.err, beginning);
      check_absent("termination message", job.termination_message(), beginning);
      check_volume(job.mount(), beginning);
    }
  }
}

TEST_CASE("the token stays with the Hub, whatever it redirects to") {
  const auto weights = mock::Content::generated(4, 300'000);
  mock::Options plain = with_token();
  plain.tls = false;
  plain.hub_address = "127.0.0.4";
  mock::Registry unencrypted(plain);
  mock::Options elsewhere = with_token();
  elsewhere.hub_address = "127.0.0.3";
  mock::Registry other(elsewhere);
  mock::Registry same_host(with_token());  // another port of the Hub's own address
  const TemporaryDirectory directory;
  std::string bundle;
  for (mock::Registry* registry : {&unencrypted, &other, &same_host}) {
    auto repository = private_model(weights);
    repository.is_private = false;
    registry->add(repository);
    bundle += registry->ca_pem();
  }
  write_file(directory.path() / "ca.pem", bundle);
  for (const mock::RequestKind kind : {mock::RequestKind::commits, mock::RequestKind::tree,
                                       mock::RequestKind::resolve, mock::RequestKind::content}) {
    for (const int status : {302, 307, 308}) {
      for (const mock::Registry* target : {&unencrypted, &other, &same_host}) {
        mock::Registry registry(with_token());
        registry.add(private_model(weights));
        registry.set_fault_hook([&](const mock::RequestInfo& info) -> mock::Fault {
          if (info.kind != kind) {
            return {};
          }
          const bool content = kind == mock::RequestKind::content;
          return {.answer = redirect(
                      status,
                      target->hub_url() +
                          (content ? "/org/model/resolve/main/model.safetensors" : info.target))};
        });
        Job job(registry, "org/model");
        job.environment["HF_TOKEN"] = k_token;
        job.environment["REQUESTS_CA_BUNDLE"] = (directory.path() / "ca.pem").string();
        job.environment["RETRY_DELAY"] = "1ms";
        job.environment["MAX_RETRIES"] = "1";
        const auto result = job.run();
        INFO(mock::to_string(kind) << " " << status << " to " << target->hub_url() << "\n"
                                   << result.err);
        CHECK_FALSE(saw_authorization(*target));
        CHECK(target->requests().empty() == (target == &unencrypted));
        CHECK(registry.violations().empty());
        check_absent("output", result.out + result.err, {k_token});
        for (mock::Registry* registry_to_clear : {&unencrypted, &other, &same_host}) {
          registry_to_clear->clear_log();
        }
      }
    }
  }
}

TEST_CASE("nim: the key is in no output and no file, and goes to NVIDIA's own hosts only") {
  const CoreFilesAllowed core_files;
  mock::NimServiceOptions options;
  options.key = k_key;
  options.shaping.connection_bytes_per_second = 2'000'000;
  options.cdn_send_buffer_bytes = 64 * 1024;
  mock::NimService service(options);
  service.add(nim_image(manifest_v1()));
  for (auto& model : ngc_models(10'000'000)) {
    service.add(std::move(model));
  }
  NimJob job(service);
  job.environment["NGC_API_KEY"] = k_key;
  job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  job.environment["LOG_LEVEL"] = "debug";
  auto killed = job.start();
  REQUIRE(service.wait_for_content_bytes(4'000'000, 60s));
  check_process(killed.pid(), {k_key});
  killed.send_signal(SIGKILL);
  const auto first = killed.wait();
  auto secrets = signatures_in(service.requests());
  secrets.insert(k_key);
  check_volume(job.mount(), secrets);
  const auto second = job.run();
  INFO(second.err);
  REQUIRE(second.exit_status == 0);
  secrets.merge(signatures_in(service.requests()));
  REQUIRE(secrets.size() > 1);
  check_absent("output", first.out + first.err + second.out + second.err, secrets);
  check_volume(job.mount(), secrets);
  CHECK(service.violations().empty());

  // A realm, an API answer or a blob that leads elsewhere finds no credentials there.
  mock::Options elsewhere = over_tls();
  elsewhere.hub_address = "127.0.0.3";
  mock::Registry other(elsewhere);
  other.write_ca(job.directory() / "other-ca.pem");
  for (const std::string part : {"/v2/nim/", "/proxy_auth", "/blobs/", "/v2/org/"}) {
    service.set_fault_hook([&](const mock::RequestInfo& info) -> mock::Fault {
      if (info.target.find(part) == std::string::npos) {
        return {};
      }
      mock::Response answer = redirect(part == "/v2/nim/" ? 401 : 307, other.hub_url() + "/x");
      answer.headers.set("WWW-Authenticate", "Bearer realm=\"" + other.hub_url() + "/token\"");
      return {.answer = std::move(answer)};
    });
    NimJob misled(service);
    misled.environment["NGC_API_KEY"] = k_key;
    misled.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
    misled.environment["MAX_RETRIES"] = "1";
    misled.environment["REQUESTS_CA_BUNDLE"] = (job.directory() / "other-ca.pem").string();
    const auto result = misled.run();
    INFO(part << "\n" << result.err);
    CHECK(result.exit_status != 0);
    CHECK_FALSE(saw_authorization(other));
    check_absent("output", result.out + result.err, {k_key});
  }
  CHECK_FALSE(other.requests().empty());
}

TEST_CASE("nim: servers that repeat tokens and encoded keys do not bring them out") {
  const std::string token = "TokenOfTheRegistry0123456789";
  const std::string encoded = nai::util::base64_encode("$oauthtoken:" + k_key);
  mock::NimServiceOptions options;
  options.key = k_key;
  mock::NimService service(options);
  service.add(nim_image(manifest_v1()));
  std::string repeated;  // changed between runs only
  std::atomic<bool> has_token = false;
  service.set_fault_hook([&](const mock::RequestInfo& info) -> mock::Fault {
    if (info.target.find("/proxy_auth") != std::string::npos) {
      has_token = true;
      return {.answer = mock::json_response(200, R"({"token": ")" + token + "\"}")};
    }
    if (!has_token) {
      return {};  // which tells where to ask for one
    }
    return {.answer = mock::text_response(503, repeated, "text/plain")};
  });
  const auto parts_of = [](const std::string& secret) {
    return std::set<std::string>{secret, secret.substr(0, 8)};
  };
  NimJob job(service);
  job.environment["NGC_API_KEY"] = k_key;
  job.environment["LOG_LEVEL"] = "debug";
  job.environment["RETRY_DELAY"] = "1ms";
  job.environment["MAX_RETRIES"] = "2";
  for (const std::string& secret : {token, encoded, k_key}) {
    for (const std::size_t before : {0U, 985U}) {  // whole, and cut
      has_token = false;
      repeated = std::string(before, 'x') + " " + secret + std::string(300, 'y');
      const auto result = job.run();
      INFO(result.err);
      CHECK(result.exit_status == 75);
      CHECK_THAT(result.err, ContainsSubstring("503"));
      check_absent("output", result.out + result.err, parts_of(secret));
      check_absent("termination message", job.termination_message(), parts_of(secret));
    }
  }
}
