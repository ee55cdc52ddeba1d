// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <nai/source/nim.hpp>
#include <nai/util/clock.hpp>

#include "app/check/finding.hpp"
#include "app/check/names.hpp"
#include "app/check/volume.hpp"
#include "app/claim.hpp"
#include "app/kubernetes.hpp"
#include "app/refused_credential.hpp"
#include "source/nim/yaml.hpp"

namespace {

using namespace nai::app;
using Catch::Matchers::ContainsSubstring;
using nai::util::ErrorKind;

constexpr std::uint64_t k_gib = std::uint64_t{1} << 30U;

Finding error_of(ErrorKind kind) {
  return {.severity = Severity::error, .group = "volume", .text = "x", .remedy = "y", .kind = kind};
}

Config config_of(const std::string& repository) {
  const Environment environment{{"REPO_ID", repository},
                                {"HF_TOKEN", "hf_secret"},
                                {"ALLOW_PATTERNS", "*.json,\"quoted\".txt"},
                                {"MODEL_NAME", "Llama 3.1: 8B #1"}};
  return load_config({}, environment);
}

// Of an image, with `more` variables.
Config image_config(const Environment& more = {}) {
  Environment environment{{"PROVIDER", "nim"}, {"REPO_ID", "nim/meta/llama:1.2.2"}};
  for (const auto& [name, value] : more) {
    environment[name] = value;
  }
  return load_config({}, environment);
}

// The variables of the container in the manifests; those of the Secret are empty.
std::map<std::string, std::string> variables_in(const std::string& manifests) {
  const auto separator = manifests.find("---\n");
  REQUIRE(separator != std::string::npos);
  std::string problem;
  const auto job = nai::source::YamlDocument::parse(manifests.substr(separator + 4), problem);
  INFO(problem);
  REQUIRE(job);
  const auto* pod = job->root().find("spec")->find("template")->find("spec");
  std::map<std::string, std::string> variables;
  for (const auto* variable : pod->find("containers")->items.at(0)->find("env")->items) {
    variables[variable->text("name")] = variable->text("value");
  }
  return variables;
}

// As the Hub, NGC and a registry with users of its own were seen to say it.
constexpr const char* k_hub_refusal =
    "Token unauthorized to access Hugging Face Repo: 401 Client Error. Cannot access gated repo";
constexpr const char* k_ngc_refusal =
    "ngc://nim/meta/x:1: NGC wants a key; set NGC_API_KEY (NGC said: 401 UNAUTHORIZED)";
constexpr const char* k_registry_refusal =
    "mirror.test/x:1: mirror.test refuses the user name and password (mirror.test said: 401)";

}  // namespace

TEST_CASE("A claim has a tenth more than the files, at least a GiB, in whole GiB", "[app]") {
  CHECK(claim_quantity(0) == "1Gi");
  CHECK(claim_quantity(1) == "2Gi");
  CHECK(claim_quantity(9 * k_gib) == "10Gi");
  CHECK(claim_quantity(10 * k_gib) == "11Gi");
  CHECK(claim_quantity(10 * k_gib + 1) == "12Gi");
  CHECK(claim_quantity(16'070'000'000) == "17Gi");
  CHECK(claim_gib(1000 * k_gib) == 1100);
}

TEST_CASE("Object names are what Kubernetes takes", "[app]") {
  CHECK(object_name("meta-llama/Meta-Llama-3.1-8B") == "meta-llama-meta-llama-3-1-8b");
  CHECK(object_name("--a__b--") == "a-b");
  CHECK(object_name("nvcr.io/nim/x:1.2.2") == "nvcr-io-nim-x-1-2-2");
  CHECK(object_name("///") == "model");
  CHECK(object_name(std::string(39, 'a') + "-b").size() == 39);
}

TEST_CASE("The manifests are YAML that holds what the Job needs, and no secret", "[app]") {
  const auto text = kubernetes_manifests(config_of("org/name"), std::string(40, 'c'), k_gib);
  CHECK_THAT(text, !ContainsSubstring("hf_secret"));
  const auto separator = text.find("---\n");
  REQUIRE(separator != std::string::npos);
  std::string problem;
  const auto claim = nai::source::YamlDocument::parse(text.substr(0, separator), problem);
  const auto job = nai::source::YamlDocument::parse(text.substr(separator + 4), problem);
  INFO(problem);
  REQUIRE(claim);
  REQUIRE(job);
  CHECK(claim->root().text("kind") == "PersistentVolumeClaim");
  CHECK(job->root().find("metadata")->text("name") == "llama-3-1-8b-1-model-job");

  const auto* pod = job->root().find("spec")->find("template")->find("spec");
  CHECK(pod->find("securityContext")->text("runAsNonRoot") == "true");
  const auto* policy = job->root().find("spec")->find("podFailurePolicy");
  CHECK(policy->find("rules")->items.size() == 4);
  const auto* volume = pod->find("volumes")->items.at(0);
  CHECK(volume->find("persistentVolumeClaim")->text("claimName") ==
        claim->root().find("metadata")->text("name"));
  const auto* container = pod->find("containers")->items.at(0);
  CHECK(container->text("image") == "nai-model-processor");
  const auto variables = variables_in(text);
  CHECK(variables.at("REPO_ID") == "org/name");
  CHECK(variables.at("REPO_VERSION") == std::string(40, 'c'));
  CHECK(variables.at("MODEL_NAME") == "Llama 3.1: 8B #1");
  CHECK(variables.at("ALLOW_PATTERNS") == R"(["*.json","\"quoted\".txt"])");
  CHECK(variables.at("HF_TOKEN").empty());
  CHECK_FALSE(variables.contains("HF_ENDPOINT"));
  CHECK_FALSE(variables.contains("NGC_API_KEY"));
  CHECK(variables.size() == 9);
}

TEST_CASE("The manifests of an image name what was resolved, whatever becomes of its tag",
          "[app]") {
  const std::string digest = "sha256:" + std::string(64, 'd');
  const auto config = image_config({{"NGC_API_KEY", "nvapi-hush"}, {"HF_TOKEN", "hf_hush"}});
  const auto text = kubernetes_manifests(config, digest, k_gib);
  const auto variables = variables_in(text);
  CHECK(variables.at("REPO_ID") == "nvcr.io/nim/meta/llama:1.2.2@" + digest);
  CHECK(nai::source::parse_image_name(variables.at("REPO_ID")) ==
        "nvcr.io/nim/meta/llama@" + digest);
  CHECK(variables.at("MODEL_NAME") == "nvcr.io/nim/meta/llama:1.2.2");
  CHECK(variables.at("NGC_API_KEY").empty());
  CHECK(variables.at("HF_TOKEN").empty());
  for (const char* absent :
       {"REPO_VERSION", "HF_ENDPOINT", "NIM_PLATFORM", "NGC_API_ENDPOINT", "NGC_AUTH_ENDPOINT",
        "REGISTRY_USERNAME", "REGISTRY_PASSWORD", "NIM_MANIFEST_FILE"}) {
    INFO(absent);
    CHECK_FALSE(variables.contains(absent));
  }
  CHECK_THAT(text, !ContainsSubstring("hush") && !ContainsSubstring("NIM_MANIFEST_FILE"));

  const auto pinned = image_config({{"REPO_ID", "nim/meta/llama@" + digest}});
  CHECK(variables_in(kubernetes_manifests(pinned, digest, k_gib)).at("REPO_ID") ==
        "nvcr.io/nim/meta/llama@" + digest);
}

TEST_CASE("The manifests of an image hold every setting that it was resolved with", "[app]") {
  const auto config = image_config({{"REPO_ID", "http://mirror.test:5000/llama:1"},
                                    {"MODEL_NAME", "llama"},
                                    {"NIM_PLATFORM", "linux/arm64"},
                                    {"NGC_API_ENDPOINT", "https://ngc.test/api"},
                                    {"NGC_AUTH_ENDPOINT", "ngc.test"},
                                    {"NIM_MANIFEST_FILE", "/etc/own manifest.yaml"},
                                    {"REGISTRY_USERNAME", "robot$nim"},
                                    {"REGISTRY_PASSWORD", "hush-hush"}});
  const std::string digest = "sha256:" + std::string(64, 'd');
  const auto text = kubernetes_manifests(config, digest, k_gib);
  const auto variables = variables_in(text);
  CHECK(variables.at("REPO_ID") == "http://mirror.test:5000/llama:1@" + digest);
  CHECK(variables.at("MODEL_NAME") == "llama");
  CHECK(variables.at("NIM_PLATFORM") == "linux/arm64");
  CHECK(variables.at("NGC_API_ENDPOINT") == "https://ngc.test/api");
  CHECK(variables.at("NGC_AUTH_ENDPOINT") == "https://ngc.test/");
  CHECK(variables.at("REGISTRY_USERNAME") == "robot$nim");
  for (const std::string secret : {"NGC_API_KEY", "HF_TOKEN", "REGISTRY_PASSWORD"}) {
    CHECK(variables.at(secret).empty());
    CHECK_THAT(text, ContainsSubstring("                  name: model-tokens\n"
                                       "                  key: " +
                                       secret + "\n                  optional: true\n"));
  }
  CHECK_FALSE(variables.contains("NIM_MANIFEST_FILE"));
  CHECK_THAT(text, !ContainsSubstring("hush") &&
                       ContainsSubstring("\n          # Mount the model manifest "
                                         "\"/etc/own manifest.yaml\" into the container, and set "
                                         "NIM_MANIFEST_FILE to its path there.\n          env:\n"));
}

TEST_CASE("The credential to mend is that of whoever refused", "[app]") {
  const auto hub_only = config_of("org/name");
  CHECK_THAT(remedy_of_refusal(hub_only, k_hub_refusal),
             ContainsSubstring("the token (the one from HF_TOKEN)"));
  CHECK(missing_credential(hub_only, k_hub_refusal).empty());

  const auto with_key = image_config({{"NGC_API_KEY", "nvapi-right"}});
  CHECK(remedy_of_refusal(with_key, k_hub_refusal) ==
        "set HF_TOKEN; no credential was sent to the Hub");
  CHECK(missing_credential(with_key, k_hub_refusal) ==
        "no token was sent, because HF_TOKEN is not set");
  CHECK_THAT(remedy_of_refusal(with_key, k_registry_refusal),
             ContainsSubstring("the key (the one from NGC_API_KEY)"));
  CHECK(missing_credential(with_key, k_registry_refusal).empty());

  CHECK(remedy_of_refusal(image_config(), k_registry_refusal) ==
        "set NGC_API_KEY; no credential was sent");
  CHECK(missing_credential(image_config(), k_registry_refusal) ==
        "no key was sent, because NGC_API_KEY is not set");
}

TEST_CASE("A registry that refuses its own user got a credential", "[app]") {
  const auto both = image_config({{"REGISTRY_USERNAME", "robot"}, {"REGISTRY_PASSWORD", "hush"}});
  CHECK_THAT(remedy_of_refusal(both, k_registry_refusal),
             ContainsSubstring("those from REGISTRY_USERNAME and REGISTRY_PASSWORD") &&
                 !ContainsSubstring("sent"));
  CHECK(missing_credential(both, k_registry_refusal).empty());
  // NGC has no use for that user, and the Hub neither.
  CHECK(remedy_of_refusal(both, k_ngc_refusal) == "set NGC_API_KEY; no credential was sent to NGC");
  CHECK(missing_credential(both, k_ngc_refusal) ==
        "no key was sent, because NGC_API_KEY is not set");
  CHECK_THAT(remedy_of_refusal(both, k_hub_refusal), ContainsSubstring("set HF_TOKEN"));

  const auto name_only =
      image_config({{"REGISTRY_USERNAME", "robot"}, {"REGISTRY_PASSWORD_PATH", "/does/not/exist"}});
  CHECK(remedy_of_refusal(name_only, k_registry_refusal) ==
        "set REGISTRY_PASSWORD too, which goes with REGISTRY_USERNAME");
  CHECK_THAT(missing_credential(name_only, k_registry_refusal),
             ContainsSubstring("REGISTRY_PASSWORD is not set, which goes with REGISTRY_USERNAME") &&
                 ContainsSubstring("/does/not/exist"));
  const auto password_only = image_config({{"REGISTRY_PASSWORD", "hush"}});
  CHECK_THAT(missing_credential(password_only, k_registry_refusal),
             ContainsSubstring("REGISTRY_USERNAME is not set"));
}

TEST_CASE("The worst finding is the one that another attempt mends least", "[app]") {
  nai::util::SystemClock clock;
  Console console({}, clock);
  Findings findings(console, true);
  CHECK(findings.worst() == nullptr);
  findings.add(warning("volume", "w", "r"));
  CHECK(findings.worst() == nullptr);
  findings.add(error_of(ErrorKind::temporary));
  CHECK(findings.worst()->kind == ErrorKind::temporary);
  findings.add(error_of(ErrorKind::storage));
  findings.add(error_of(ErrorKind::unauthorized));
  findings.add(error_of(ErrorKind::not_found));
  CHECK(findings.worst()->kind == ErrorKind::unauthorized);
  CHECK(findings.count(Severity::error) == 4);
}

TEST_CASE("A finding is one line, whatever a server says", "[app]") {
  nai::util::SystemClock clock;
  Console console({}, clock);
  Findings findings(console, true);
  findings.add(fine("model", "403 Client Error.\n\nCannot access gated repo\n"));
  CHECK(findings.all().front().text == "403 Client Error. Cannot access gated repo");
}

TEST_CASE("The resolver's settings are read as the C library does", "[app]") {
  const auto settings = parse_resolver_settings(
      "# comment\nnameserver 10.96.0.10\nnameserver\t10.0.0.2 ; local\n"
      "domain old.example\nsearch a.svc.cluster.local cluster.local\noptions ndots:5\nsearch\n");
  CHECK(settings.servers == std::vector<std::string>{"10.96.0.10", "10.0.0.2"});
  CHECK(settings.domains == std::vector<std::string>{"a.svc.cluster.local", "cluster.local"});
  CHECK(parse_resolver_settings("").servers.empty());
}

TEST_CASE("What the resolver says becomes a finding", "[app]") {
  const ResolverSettings settings{.servers = {"10.96.0.10"}, .domains = {"a.local", "b.local"}};
  const auto unknown = judge_name("hub", {.state = Lookup::State::unknown}, settings);
  CHECK(unknown.severity == Severity::error);
  CHECK_THAT(unknown.text,
             ContainsSubstring("10.96.0.10") && ContainsSubstring("a.local, b.local"));
  CHECK_THAT(unknown.remedy, ContainsSubstring("dnsConfig.searches"));
  const auto silent = judge_name("hub.example", {}, {});
  CHECK_THAT(silent.text, ContainsSubstring("/etc/resolv.conf names none"));
  const auto found = judge_name("hub.example",
                                {.state = Lookup::State::found,
                                 .addresses = {"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"},
                                 .full_name = "hub.example"},
                                settings);
  CHECK(found.severity == Severity::ok);
  CHECK(found.text == "hub.example has the address 1.1.1.1, 1.1.1.2, 1.1.1.3 and 1 more");
}

TEST_CASE("How the volume is mounted is judged", "[app]") {
  using nai::storage::MountInfo;
  const auto judge = [](const std::optional<MountInfo>& mount) {
    std::string warnings;
    for (const auto& finding : judge_mount("/data", mount)) {
      warnings += finding.severity == Severity::warning ? finding.text + "\n" : "";
    }
    return warnings;
  };
  CHECK(judge({}).empty());
  CHECK(judge(MountInfo{"/data", "nfs4", "server:/x", "rw,vers=4.2,hard"}).empty());
  CHECK_THAT(judge(MountInfo{"/data", "nfs", "server:/x", "rw,vers=3,soft"}),
             ContainsSubstring("mounted soft"));
  CHECK_THAT(judge(MountInfo{"/", "overlay", "overlay", "rw"}), ContainsSubstring("is no volume"));
}

TEST_CASE("A volume that hangs is told in a sentence, in bounded time", "[app]") {
  // Outlives the program: nobody waits for the thread.
  static auto& never = *new std::promise<void>;
  const auto hang = [](const VolumeQuestion&) -> std::vector<Finding> {
    never.get_future().wait();
    return {};
  };
  const auto findings = check_volume_within({.mount = "/proc"}, std::chrono::seconds(0), hang);
  REQUIRE(findings.size() == 2);
  CHECK_THAT(findings.front().text, ContainsSubstring("/proc is on ") && ContainsSubstring("type"));
  CHECK(findings.back().severity == Severity::error);
  CHECK(findings.back().kind == ErrorKind::storage);
  CHECK(findings.back().text == "/proc did not answer within 0 s");
  CHECK_THAT(findings.back().remedy, ContainsSubstring("2049"));
}

TEST_CASE("The clock of the volume's server is judged", "[app]") {
  using namespace std::chrono_literals;
  CHECK(judge_server_clock(59s).severity == Severity::ok);
  CHECK(judge_server_clock(-59s).severity == Severity::ok);
  CHECK_THAT(judge_server_clock(300s).text, ContainsSubstring("is 5m00s ahead of the one here"));
  const auto behind = judge_server_clock(-300s);
  CHECK(behind.severity == Severity::warning);
  CHECK_THAT(behind.text, ContainsSubstring("is 5m00s behind the one here"));
  CHECK_THAT(behind.remedy, ContainsSubstring("NTP"));
}
