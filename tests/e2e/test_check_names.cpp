// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "e2e/job.hpp"
#include "e2e/pod_root.hpp"
#include "support/dns_server.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;

namespace {

// A name server that takes questions and answers none, as behind a firewall.
class SilentServer {
 public:
  SilentServer() : m_socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(53);
    for (int i = 1; i < 250 && m_address.empty(); ++i) {
      const std::string candidate = "127.53.1." + std::to_string(i);
      ::inet_pton(AF_INET, candidate.c_str(), &address.sin_addr);
      if (::bind(m_socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
        m_address = candidate;
      }
    }
    REQUIRE_FALSE(m_address.empty());
  }
  ~SilentServer() { ::close(m_socket); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;

  [[nodiscard]] const std::string& address() const { return m_address; }

 private:
  int m_socket;
  std::string m_address;
};

Process::Environment environment_for(const std::string& endpoint) {
  return {{"HF_ENDPOINT", endpoint},
          {"MAX_RETRIES", "0"},
          {"CONNECT_TIMEOUT", "2s"},
          {"STALL_TIMEOUT", "2s"}};
}

}  // namespace

TEST_CASE("check names the name servers that do not answer") {
  if (::geteuid() != 0) {
    SKIP("needs root for port 53 and chroot");
  }
  std::string server = "127.53.2.1";  // where nobody listens
  const SilentServer silent;
  SECTION("refusing") {}
  SECTION("silent") { server = silent.address(); }
  const PodRoot root(server);
  const auto result = root.run(environment_for("https://hub.example"), {"check"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 75);
  CHECK_THAT(result.out,
             ContainsSubstring("error: names: hub.example cannot be looked up: no answer from the "
                               "name servers " +
                               server) &&
                 ContainsSubstring(" -> check that the cluster's DNS runs") &&
                 !ContainsSubstring("error: network:"));
  CHECK(std::filesystem::is_empty(root.path() / "data"));
}

TEST_CASE("check names the search domains in which a name is not found") {
  if (::geteuid() != 0) {
    SKIP("needs root for port 53 and chroot");
  }
  const DnsServer names({{"hub.test", {"127.0.0.1"}}, {"files.nodes.example", {"127.0.0.1"}}});
  const PodRoot root(names.address(), "nai-admin.svc.cluster.local wrong.test");
  const auto result = root.run(environment_for("https://hub"), {"check", "--nfs-server", "files"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 6);
  const std::string searched = " is not known to the name servers " + names.address();
  CHECK_THAT(result.out,
             ContainsSubstring("error: names: hub" + searched) &&
                 ContainsSubstring("error: names: files" + searched) &&
                 ContainsSubstring("the search domains nai-admin.svc.cluster.local, wrong.test") &&
                 ContainsSubstring("add its domain to dnsConfig.searches") &&
                 ContainsSubstring("Failed to resolve server"));
}

TEST_CASE("check sees names that are found, by whichever domain") {
  if (::geteuid() != 0) {
    SKIP("needs root for port 53 and chroot");
  }
  mock::Options options;
  options.hub_name = "hub";
  options.cdn_name = "cdn.example";
  mock::Registry registry(options);
  registry.add(mock::make_repository(
      "org/model", {mock::lfs_file("a.safetensors", mock::Content::generated(1, 1'000'000))}));
  // The last is what a wildcard in a search domain makes.
  const DnsServer names({{"hub.test", {"127.0.0.1"}},
                         {"cdn.example", {"127.0.0.2"}},
                         {"cdn.example.test", {"127.0.0.2"}}});
  const PodRoot root(names.address());
  auto environment = environment_for(registry.hub_url());
  environment["REPO_ID"] = "org/model";
  const auto result = root.run(environment, {"check"});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK_THAT(
      result.out,
      ContainsSubstring("ok: names: hub has the address 127.0.0.1, found as hub.test\n") &&
          ContainsSubstring("warning: names: cdn.example has the address 127.0.0.2, found as "
                            "cdn.example.test: a search domain answers"));
}

TEST_CASE("check tells who may not write to the volume, and whose it is") {
  if (::geteuid() != 0) {
    SKIP("needs root for chroot");
  }
  mock::Registry registry;
  const PodRoot root("127.53.2.1");
  const auto result = root.run(environment_for(registry.hub_url()), {"check"}, "1000660000:0");
  INFO(result.out << result.err);
  CHECK(result.exit_status == 6);
  CHECK_THAT(result.out, ContainsSubstring(
                             "error: volume: cannot make a directory in /data: Permission denied; "
                             "this process is uid 1000660000 and gid 0, /data belongs to uid 0 "
                             "and gid 0 with mode 0755 -> "));
  CHECK(std::filesystem::is_empty(root.path() / "data"));
}
