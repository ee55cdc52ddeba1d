// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "e2e/job.hpp"
#include "e2e/pod_root.hpp"
#include "support/dns_server.hpp"

using Catch::Matchers::ContainsSubstring;
using namespace nai::test;

TEST_CASE("names are resolved as in a pod: search domains, ndots, large answers") {
  if (::geteuid() != 0) {
    SKIP("needs root for port 53 and chroot");
  }
  mock::Options options;
  options.hub_name = "hub";
  options.cdn_name = "cdn.test";
  mock::Registry registry(options);
  const auto weights = mock::Content::generated(1, 20'000'000);
  registry.add(mock::make_repository("org/model", {mock::lfs_file("model.safetensors", weights)}));
  // So many addresses that they come over TCP only; all but one of them refuse.
  std::vector<std::string> many;
  for (int i = 1; i <= 120; ++i) {
    many.push_back("127.9.0." + std::to_string(i));
  }
  many.insert(many.begin() + 60, "127.0.0.2");
  const DnsServer names({{"hub.test", {"127.0.0.1"}}, {"cdn.test", many}});

  const PodRoot root(names.address());
  const auto result = root.run({{"REPO_ID", "org/model"}, {"HF_ENDPOINT", registry.hub_url()}});
  INFO(result.out << result.err);
  CHECK(result.exit_status == 0);
  CHECK(same_content(root.path() / "data/model-files/model.safetensors", weights));
  const auto questions = names.questions();
  const auto asked = [&](const std::string& name) {
    return std::find(questions.begin(), questions.end(), name) != questions.end();
  };
  CHECK(asked("hub.nai-admin.svc.cluster.local"));
  CHECK(asked("hub.test"));
  CHECK(asked("cdn.test.nai-admin.svc.cluster.local"));
  CHECK(asked("tcp:cdn.test"));
}

TEST_CASE("a name that does not exist is named") {
  if (::geteuid() != 0) {
    SKIP("needs root for port 53 and chroot");
  }
  const DnsServer names({});
  const PodRoot root(names.address());
  const auto result = root.run({{"REPO_ID", "org/model"},
                                {"HF_ENDPOINT", "https://hub.example"},
                                {"MAX_RETRIES", "1"},
                                {"RETRY_DELAY", "1ms"}});
  INFO(result.err);
  CHECK(result.exit_status == 75);
  CHECK_THAT(result.err, ContainsSubstring("Hugging Face Network connection Issue\n") &&
                             ContainsSubstring("hub.example"));
  CHECK(std::filesystem::is_empty(root.path() / "data"));
}

TEST_CASE("names that cannot be resolved for a while only delay the run") {
  if (::geteuid() != 0) {
    SKIP("needs root for port 53 and chroot");
  }
  using Trouble = DnsServer::Trouble;
  mock::Options options;
  options.hub_name = "hub";
  options.cdn_name = "cdn.test";
  options.shaping.connection_bytes_per_second = 2'000'000;
  mock::Registry registry(options);
  const auto weights = mock::Content::generated(1, 20'000'000);
  registry.add(mock::make_repository("org/model", {mock::lfs_file("model.safetensors", weights)}));
  // At the start, and when the first file is to be fetched.
  for (const std::string troubled : {"hub", "cdn"}) {
    for (const Trouble trouble :
         {Trouble::server_failure, Trouble::unknown_names, Trouble::silence}) {
      DnsServer names({{"hub.test", {"127.0.0.1"}}, {"cdn.test", {"127.0.0.2"}}});
      names.set_trouble(trouble, troubled);
      const PodRoot root(names.address());
      auto job = root.start({{"REPO_ID", "org/model"},
                             {"HF_ENDPOINT", registry.hub_url()},
                             {"RETRY_DELAY", "50ms"},
                             {"MAX_RETRIES", "1000"}});
      const bool asked =
          names.wait_for_questions(trouble == Trouble::silence ? 8 : 40, std::chrono::seconds(120));
      names.set_trouble(Trouble::none);
      const auto result = job.wait();
      INFO(troubled << " " << static_cast<int>(trouble) << "\n" << result.out << result.err);
      CHECK(asked);
      CHECK(result.exit_status == 0);
      CHECK(same_content(root.path() / "data/model-files/model.safetensors", weights));
    }
  }
}
