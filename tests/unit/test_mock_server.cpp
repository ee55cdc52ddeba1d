// SPDX-License-Identifier: Apache-2.0
#include "support/mock/raw_client.hpp"
#include "support/mock/registry.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <thread>

using namespace std::chrono_literals;
using mock::Content;
using mock::RawClient;
using mock::Reply;

namespace {

mock::Repository weights(std::uint64_t size) {
  return mock::make_repository("a/b", {mock::regular_file("config.json", "{}"),
                                       mock::lfs_file("w.bin", Content::generated(1, size))});
}

}  // namespace

TEST_CASE("many connections at once get their own bytes, and end with the registry") {
  constexpr std::uint64_t k_size = 4'000'000;
  constexpr std::size_t k_connections = 24;
  mock::Options options;
  options.tls = true;
  auto registry = std::make_unique<mock::Registry>(options);
  registry->add(weights(k_size));
  RawClient hub(registry->hub_url(), registry->ca_pem());
  const std::string url = *hub.get("/a/b/resolve/main/w.bin").headers.get("Location");
  const std::string target = RawClient::target_of(url);
  std::vector<Reply> parts(k_connections);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < k_connections; ++i) {
      threads.emplace_back([&, i] {
        RawClient cdn(url, registry->ca_pem());
        const std::string first = std::to_string(i * 1000);
        parts[i] =
            cdn.get(target, {{"Range", "bytes=" + first + "-" + std::to_string(k_size - 1)}});
      });
    }
  }
  for (std::size_t i = 0; i < k_connections; ++i) {
    std::string expected(k_size - i * 1000, '\0');
    mock::fill_generated(1, i * 1000, expected);
    REQUIRE(parts[i].body == expected);
  }
  REQUIRE(registry->violations().empty());

  // A client that reads nothing keeps a server thread in its write.
  registry->set_fault_hook([](const mock::RequestInfo&) {
    return mock::Fault{.content = Content::zeros(1'000'000'000)};
  });
  RawClient idle(url, registry->ca_pem());
  std::jthread slow([&] { parts[0] = idle.get(target); });
  REQUIRE(registry->wait_for_content_bytes(1, 10s));
  registry.reset();
  slow.join();
  REQUIRE(!parts[0].complete);
}

TEST_CASE("the control port tells what happened") {
  mock::Options options;
  options.control_port = true;
  mock::Registry registry(options);
  registry.add(weights(1000));
  RawClient hub(registry.hub_url());
  const std::string url = *hub.get("/a/b/resolve/main/w.bin").headers.get("Location");
  RawClient cdn(url);
  REQUIRE(cdn.get(RawClient::target_of(url), {{"Range", "bytes=0-9"}}).body.size() == 10);

  RawClient control(registry.control_url());
  const auto stats = nlohmann::json::parse(control.get("/__mock/stats").body);
  REQUIRE(stats.at("content_bytes_served") == 10);
  REQUIRE(stats.at("requests_by_host").at("hub") == 1);
  REQUIRE(stats.at("requests_by_kind").at("content") == 1);
  REQUIRE(stats.at("violations").empty());
  const auto requests = nlohmann::json::parse(control.get("/__mock/requests").body);
  REQUIRE(requests.size() == 2);
  REQUIRE(requests.at(1).at("range") == "bytes=0-9");
  REQUIRE(requests.at(1).at("status") == 206);
  REQUIRE(control.get("/other").status == 404);
}

TEST_CASE("a repository that is replaced leaves its old locations readable") {
  mock::Registry registry;
  registry.add(weights(1000));
  RawClient hub(registry.hub_url());
  const std::string url = *hub.get("/a/b/resolve/main/w.bin").headers.get("Location");
  registry.add(mock::make_repository("a/b", {mock::regular_file("README.md", "new")}));
  REQUIRE(hub.get("/a/b/resolve/main/w.bin").status == 404);
  REQUIRE(hub.get("/a/b/resolve/main/README.md").status == 307);
  RawClient cdn(url);
  REQUIRE(cdn.get(RawClient::target_of(url)).body.size() == 1000);
  registry.remove("a/b");
  REQUIRE(hub.get("/a/b/resolve/main/README.md").status == 401);
}

TEST_CASE("paths are described on request, as JSON and as a form") {
  mock::Registry registry;
  registry.add(weights(1000));
  RawClient hub(registry.hub_url());
  const std::string target = "/api/models/a/b/paths-info/main";
  const Reply json = hub.send("POST", target, {{"Content-Type", "application/json"}},
                              R"({"paths": ["w.bin", "none"], "expand": true})");
  const auto items = nlohmann::json::parse(json.body);
  REQUIRE(items.size() == 1);
  REQUIRE(items[0].at("lfs").at("oid") == Content::generated(1, 1000).sha256());
  REQUIRE(items[0].at("lastCommit").at("id").get<std::string>().size() == 40);
  const Reply form =
      hub.send("POST", target, {{"Content-Type", "application/x-www-form-urlencoded"}},
               "paths=config.json&expand=False");
  REQUIRE(nlohmann::json::parse(form.body).at(0).at("path") == "config.json");
  REQUIRE(hub.send("POST", target, {{"Content-Type", "application/json"}}, "[").status == 400);
  REQUIRE(hub.send("POST", "/api/models/a/b/tree/main").status == 405);
}

TEST_CASE("raw files are what git holds") {
  mock::Registry registry;
  registry.add(weights(1000));
  RawClient hub(registry.hub_url());
  REQUIRE(hub.get("/a/b/raw/main/config.json").body == "{}");
  const Reply pointer = hub.get("/a/b/raw/main/w.bin");
  REQUIRE(pointer.body.starts_with("version https://git-lfs.github.com/spec/v1\noid sha256:"));
  REQUIRE(pointer.body.ends_with("\nsize 1000\n"));
}

TEST_CASE("a Hub may lie about sizes and digests, and list what no file system should see") {
  mock::Registry registry;
  mock::File lie = mock::lfs_file("w.bin", Content::generated(1, 1000));
  lie.listed_size = 2000;
  lie.listed_id = std::string(64, '0');
  registry.add(mock::make_repository(
      "a/b", {lie, mock::regular_file("../up", "x"), mock::regular_file("/abs", "x"),
              mock::regular_file("a\\b", "x"), mock::regular_file(std::string("n\0l", 3), "x")}));
  RawClient hub(registry.hub_url());
  const auto items =
      nlohmann::json::parse(hub.get("/api/models/a/b/tree/main?recursive=true").body);
  std::set<std::string> paths;
  for (const auto& item : items) {
    paths.insert(item.at("path").get<std::string>());
    if (item.at("path") == "w.bin") {
      REQUIRE(item.at("size") == 2000);
      REQUIRE(item.at("lfs").at("oid") == std::string(64, '0'));
    }
  }
  for (const std::string& path :
       {std::string("../up"), std::string("/abs"), std::string("a\\b"), std::string("n\0l", 3)}) {
    REQUIRE(paths.contains(path));
  }
  REQUIRE(hub.get("/a/b/resolve/main/..%2Fup").status == 307);
}
