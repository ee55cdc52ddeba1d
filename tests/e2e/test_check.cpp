// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <sys/mount.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "e2e/job.hpp"
#include "e2e/nim_job.hpp"
#include "support/scripted_server.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;

namespace {

const mock::Content k_weights = mock::Content::generated(1, 8'000'000);

mock::Options with_users() {
  mock::Options options = over_tls();
  options.tokens = {{"owner", "hf_the-very-secret-token"}, {"guest", "hf_of-somebody-else"}};
  return options;
}

void add_model(mock::Registry& registry, bool gated = false) {
  auto repository = mock::make_repository(
      "org/model",
      {mock::regular_file("config.json", "{}"), mock::lfs_file("a.safetensors", k_weights)});
  repository.gated = gated;
  repository.allowed_users = {"owner"};
  registry.add(repository);
}

// The line of standard output that begins with `begin`; empty when there is none.
std::string line_of(const ProcessResult& result, const std::string& begin) {
  const std::string all = "\n" + result.out;
  const auto at = all.find("\n" + begin);
  return at == std::string::npos ? "" : all.substr(at + 1, all.find('\n', at + 1) - at - 1);
}

// What every finding of an error owes: the status, a line with the words and a remedy, and the same
// as termination message. Nothing is left on the volume, and no content was fetched.
void check_error(const Job& job, const ProcessResult& result, int status, const std::string& group,
                 const std::string& words) {
  INFO(result.out << result.err);
  CHECK(result.exit_status == status);
  const auto line = line_of(result, "error: " + group + ": ");
  CHECK_THAT(line, ContainsSubstring(words) && ContainsSubstring(" -> "));
  CHECK_THAT(job.termination_message(), ContainsSubstring(words));
  CHECK_THAT(job.termination_message(), ContainsSubstring("What to do: "));
  CHECK(result.err.ends_with(job.termination_message() + "\n"));
  CHECK(std::filesystem::is_empty(job.mount()));
  CHECK_THAT(result.out + result.err, !ContainsSubstring("secret"));
}

// A tmpfs in the place of the volume.
class SmallVolume {
 public:
  SmallVolume(const std::filesystem::path& place, const char* options)
      : m_place(place), m_mounted(::mount("tmpfs", place.c_str(), "tmpfs", 0, options) == 0) {}
  ~SmallVolume() {
    if (m_mounted) {
      ::umount(m_place.c_str());
    }
  }
  SmallVolume(const SmallVolume&) = delete;
  SmallVolume& operator=(const SmallVolume&) = delete;

  [[nodiscard]] bool mounted() const { return m_mounted; }
  [[nodiscard]] bool remount_read_only() const {
    return ::mount(nullptr, m_place.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }

 private:
  std::filesystem::path m_place;
  bool m_mounted;
};

}  // namespace

TEST_CASE("check finds nothing wrong where a download works, and leaves nothing behind") {
  mock::Registry registry(with_users());
  add_model(registry, true);
  Job job(registry, "org/model");
  job.environment["HF_TOKEN"] = "hf_the-very-secret-token";
  const auto result = job.run({"check"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK(result.err.empty());
  CHECK(job.termination_message().empty());
  CHECK_THAT(line_of(result, "ok: token: "),
             ContainsSubstring("from HF_TOKEN is owner's, role read"));
  CHECK_THAT(result.out, ContainsSubstring("ok: model: org/model can be read; its version is ") &&
                             ContainsSubstring("2 files to have, 8.00 MB") &&
                             ContainsSubstring("the content of a.safetensors can be fetched"));
  // The Hub, and the host it redirects to.
  CHECK_THAT(result.out,
             ContainsSubstring("ok: network: " + registry.hub_url() + " answers in ") &&
                 ContainsSubstring("ok: network: " + registry.cdn_url() + " answers in "));
  CHECK_THAT(line_of(result, "ok: network: "),
             ContainsSubstring("issued by CN = mock registry throw-away CA") &&
                 ContainsSubstring("(" + job.environment["SSL_CERT_FILE"] + ")"));
  CHECK_THAT(result.out, ContainsSubstring("ok: volume: these work on the volume: hard links, "
                                           "renaming, symbolic links, changing modes"));
  CHECK_THAT(result.out, !ContainsSubstring("error: ") && !ContainsSubstring("secret"));
  CHECK(std::filesystem::is_empty(job.mount()));
  CHECK(registry.content_bytes_served() <= 1);
  CHECK(registry.violations().empty());
}

TEST_CASE("check removes what a killed one left, and nothing else") {
  mock::Registry registry(over_tls());
  Job job(registry, "");
  const auto make = [&](const std::string& name, const std::string& file, bool old) {
    const auto directory = job.mount() / name;
    std::filesystem::create_directory(directory);
    write_file(directory / file, "x");
    if (old) {
      std::filesystem::last_write_time(
          directory, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
    }
    return directory;
  };
  const auto left = make(".nai-check-abc123", "hard-link", true);
  const auto young = make(".nai-check-abc124", "file", false);
  const auto others = make(".nai-check-abc125", "mine", true);
  const auto result = job.run({"check"});
  INFO(result.out << result.err);
  CHECK_FALSE(std::filesystem::exists(left));
  CHECK(std::filesystem::exists(young / "file"));
  CHECK(std::filesystem::exists(others / "mine"));
}

TEST_CASE("check as one JSON document") {
  mock::Registry registry(over_tls());
  add_model(registry);
  const Job job(registry, "org/model");
  const auto result = job.run({"check", "--json"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  const auto json = nlohmann::json::parse(result.out);
  CHECK(json.at("errors") == 0);
  CHECK(json.at("ok") == json.at("findings").size() - json.at("warnings").get<std::size_t>());
  CHECK(json.at("findings").at(0).contains("remedy"));
}

TEST_CASE("check without a model tries the hosts and the volume") {
  mock::Registry registry(over_tls());
  Job job(registry, "");
  const auto result = job.run({"check"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK_THAT(result.out, ContainsSubstring("ok: network: " + registry.hub_url()) &&
                             ContainsSubstring("ok: volume: ") && !ContainsSubstring("model: "));
}

TEST_CASE("check tells what a token lacks, in the Hub's own words") {
  mock::Registry registry(with_users());
  add_model(registry, true);
  Job job(registry, "org/model");
  SECTION("it is unknown") {
    job.environment["HF_TOKEN"] = "hf_wrong-and-secret";
    const auto result = job.run({"check"});
    check_error(job, result, 3, "token", "Invalid credentials in Authorization header");
    CHECK_THAT(line_of(result, "error: token: "), ContainsSubstring("the one from HF_TOKEN"));
  }
  SECTION("its owner has no access") {
    job.environment["HF_TOKEN"] = "hf_of-somebody-else";
    const auto result = job.run({"check"});
    check_error(job, result, 3, "model", "you are not in the authorized list");
    CHECK_THAT(line_of(result, "ok: token: "), ContainsSubstring("is guest's"));
  }
  SECTION("there is none") {
    check_error(job, job.run({"check"}), 3, "model", "set HF_TOKEN; no credential was sent");
  }
}

TEST_CASE("check names a model that is not there") {
  mock::Registry registry(with_users());
  Job job(registry, "org/missing");
  job.environment["HF_TOKEN"] = "hf_the-very-secret-token";
  check_error(job, job.run({"check"}), 4, "model", "Hugging Face Repo not found: 404");
}

TEST_CASE("check tells whose certificate is not trusted") {
  mock::Registry registry(over_tls());
  add_model(registry);
  Job job(registry, "org/model");
  SECTION("the Hub's") {
    job.environment.erase("SSL_CERT_FILE");
    check_error(job, job.run({"check"}), 75, "network", "issuer: CN = mock registry throw-away CA");
  }
  SECTION("the content host's alone") {
    registry.set_certificate(mock::Host::cdn, mock::CertificateKind::expired);
    const auto result = job.run({"check"});
    check_error(job, result, 75, "network", "certificate has expired");
    CHECK_THAT(line_of(result, "error: network: "), ContainsSubstring(registry.cdn_url()));
    CHECK_THAT(result.out, ContainsSubstring("ok: network: " + registry.hub_url()));
  }
}

TEST_CASE("check tells what a proxy refuses, and not its password") {
  mock::Registry registry(over_tls());
  add_model(registry);
  Job job(registry, "org/model");
  SECTION("it says no") {
    const std::string no = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n<close>";
    ScriptedServer proxy({no, no, no, no, no, no});
    const std::string address = "127.0.0.1:" + std::to_string(proxy.url("/").port());
    job.environment["HTTPS_PROXY"] = "http://user:secret@" + address;
    const auto result = job.run({"check"});
    check_error(job, result, 75, "network", "response 403");
    CHECK_THAT(line_of(result, "error: network: "), ContainsSubstring("HTTPS_PROXY=" + address));
    CHECK_THAT(result.out, ContainsSubstring("ok: proxy: HTTPS_PROXY names " + address));
  }
  SECTION("nobody is there") {
    job.environment["HTTPS_PROXY"] = "http://user:secret@127.0.0.1:1";
    check_error(job, job.run({"check"}), 75, "network", "127.0.0.1");
  }
}

TEST_CASE("check names the content host that is out of reach") {
  mock::Registry registry(over_tls());
  add_model(registry);
  registry.down(mock::Host::cdn);
  const Job job(registry, "org/model");
  const auto result = job.run({"check"});
  check_error(job, result, 75, "network", registry.cdn_url() + " cannot be used");
  CHECK_THAT(line_of(result, "error: network: "), ContainsSubstring("NetworkPolicy"));
}

TEST_CASE("check sees a clock that is wrong") {
  mock::Registry registry(over_tls());
  add_model(registry);
  registry.set_clock_offset(std::chrono::hours(2));
  const Job job(registry, "org/model");
  const auto result = job.run({"check"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK_THAT(line_of(result, "warning: network: the clock here is "), ContainsSubstring("behind"));
}

TEST_CASE("check names a volume that cannot be used, and how it is mounted") {
  mock::Registry registry(over_tls());
  add_model(registry);
  Job job(registry, "org/model");
  SECTION("it is not there") {
    job.environment["OUTPUT_MOUNT"] = "/does/not/exist";
    check_error(job, job.run({"check"}), 2, "volume", "/does/not/exist does not exist");
  }
  SECTION("it is mounted read-only") {
    const SmallVolume volume(job.mount(), "size=4m");
    if (!volume.mounted() || !volume.remount_read_only()) {
      SKIP("mounting is not allowed here");
    }
    const auto result = job.run({"check"});
    check_error(job, result, 6, "volume", "Read-only file system");
    CHECK_THAT(line_of(result, "ok: volume: "), ContainsSubstring("of type tmpfs") &&
                                                    ContainsSubstring(job.mount().string()) &&
                                                    ContainsSubstring(" ro,"));
  }
  SECTION("it is full") {
    const SmallVolume volume(job.mount(), "size=64k");
    if (!volume.mounted()) {
      SKIP("mounting is not allowed here");
    }
    check_error(job, job.run({"check"}), 7, "volume", "No space left on device");
  }
  SECTION("it is too small, which is advice only") {
    const SmallVolume volume(job.mount(), "size=4m");
    if (!volume.mounted()) {
      SKIP("mounting is not allowed here");
    }
    const auto result = job.run({"check"});
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    CHECK_THAT(
        line_of(result, "warning: volume: the volume says it has "),
        ContainsSubstring("4.19 MB available") && ContainsSubstring("the model has 8.00 MB"));
    CHECK(std::filesystem::is_empty(job.mount()));
  }
}

TEST_CASE("check of a NIM image") {
  mock::NimService service;
  for (auto& model : ngc_models(1'000'000)) {
    service.add(std::move(model));
  }
  service.add(nim_image(manifest_v1()));
  NimJob job(service);
  SECTION("all is well") {
    job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
    const auto result = job.run({"check"});
    INFO(result.out << result.err);
    CHECK(result.exit_status == 0);
    CHECK_THAT(result.out, ContainsSubstring("ok: token: NGC knows the key from NGC_API_KEY") &&
                               ContainsSubstring("can be read; its version is sha256:") &&
                               ContainsSubstring("can be fetched"));
    CHECK_THAT(result.out, ContainsSubstring("ok: network: https://" + service.cdn_host()));
    CHECK_THAT(result.out + result.err, !ContainsSubstring("nvapi-right"));
  }
  SECTION("the key is wrong") {
    job.environment["NGC_API_KEY"] = "nvapi-wrong";
    const auto result = job.run({"check"});
    INFO(result.out << result.err);
    CHECK(result.exit_status == 3);
    CHECK_THAT(line_of(result, "error: token: "), ContainsSubstring("NGC refuses the key"));
    CHECK_THAT(result.out + result.err, !ContainsSubstring("nvapi-wrong"));
  }
  SECTION("the registry's own user is refused") {
    job.environment.erase("NGC_API_KEY");
    job.environment["REGISTRY_USERNAME"] = "robot";
    job.environment["REGISTRY_PASSWORD"] = "robot-secret";
    const auto result = job.run({"check"});
    INFO(result.out << result.err);
    CHECK(result.exit_status == 3);
    CHECK_THAT(line_of(result, "error: model: "),
               ContainsSubstring(" -> check the user name and the password (those from "
                                 "REGISTRY_USERNAME and REGISTRY_PASSWORD)") &&
                   !ContainsSubstring("NGC_API_KEY"));
    CHECK_THAT(line_of(result, "ok: token: "),
               ContainsSubstring("the registry is asked with REGISTRY_USERNAME"));
    CHECK_THAT(result.out + result.err, !ContainsSubstring("credential was sent") &&
                                            !ContainsSubstring("only public models") &&
                                            !ContainsSubstring("robot-secret"));
  }
  CHECK(std::filesystem::is_empty(job.mount()));
  CHECK(service.violations().empty());
}

TEST_CASE("check of a NIM image whose files are at the Hub tells what the Hub's token lacks") {
  mock::NimService service;
  service.add(nim_image("schema_version: '2.0'\nprofiles:\n- id: " + k_generic_profile +
                        "\n  tags: {llm_engine: vllm}\n  workspace:\n    files:\n"
                        "      config.json: {uri: 'hf://org/model:main?file=config.json'}\n"));
  mock::Registry hub(with_users());
  add_model(hub, true);
  NimJob job(service);
  job.use_hub(hub);
  job.environment["NIM_MODEL_PROFILE"] = k_generic_profile;
  std::string remedy = "set HF_TOKEN; no credential was sent to the Hub";
  SECTION("there is none") {}
  SECTION("its owner has no access") {
    job.environment["HF_TOKEN"] = "hf_of-somebody-else";
    remedy = "check that the token (the one from HF_TOKEN)";
  }
  const auto result = job.run({"check"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 3);
  CHECK_THAT(line_of(result, "ok: token: "), ContainsSubstring("NGC knows the key"));
  CHECK_THAT(line_of(result, "error: model: "),
             ContainsSubstring("Cannot access gated repo") && ContainsSubstring(" -> " + remedy));
}
