// SPDX-License-Identifier: Apache-2.0
// The mock registry: the Hub.
#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "unit/mock_bench.hpp"

using namespace std::chrono_literals;
using namespace mock;

TEST_CASE("regular files take a relative hop that needs its query") {
  Bench bench;
  const Reply hop = bench.hub.get("/acme/tiny/resolve/main/sub%20dir/weird%20%23%25name.txt");
  REQUIRE(hop.status == 307);
  const std::string location = *hop.headers.get("Location");
  REQUIRE(location.starts_with("/api/resolve-cache/models/acme/tiny/"));
  const Reply reply = bench.hub.get(location);
  REQUIRE(reply.status == 200);
  REQUIRE(reply.body == "hello");
  REQUIRE(reply.headers.get("ETag") == "\"b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0\"");
  REQUIRE(bench.hub.get(location.substr(0, location.find('?'))).status == 400);
}

TEST_CASE("a revision is found by branch, tag, request, short and full commit") {
  Registry registry;
  Repository repository = tiny();
  const std::string old = repository.refs.at("main");
  const std::string next = repository.add_commit({regular_file("README.md", "new")});
  repository.refs["v1"] = old;
  repository.refs["refs/pr/1"] = old;
  registry.add(repository);
  RawClient hub(registry.hub_url());
  const auto commit = [&](const std::string& revision) {
    const Reply reply = hub.get("/api/models/acme/tiny/commits/" + revision);
    return nlohmann::json::parse(reply.body).at(0).at("id").get<std::string>();
  };
  REQUIRE(commit("main") == next);
  for (const std::string& revision :
       {std::string("v1"), std::string("refs%2Fpr%2F1"), old, old.substr(0, 7)}) {
    REQUIRE(commit(revision) == old);
  }
  const Reply unknown = hub.get("/api/models/acme/tiny/commits/nope");
  REQUIRE(unknown.status == 404);
  REQUIRE(unknown.headers.get("X-Error-Code") == "RevisionNotFound");
  REQUIRE(unknown.headers.get("X-Error-Message") == "Invalid rev id: nope");
  const Reply info = hub.get("/api/models/acme/tiny");
  REQUIRE(nlohmann::json::parse(info.body).at("sha") == next);
}

TEST_CASE("trees come in pages of 1000 whose next one is named by a Link") {
  Registry registry;
  std::vector<File> files;
  for (int i = 0; i < 2345; ++i) {
    files.push_back(regular_file("d/" + std::to_string(i) + ".txt", std::to_string(i)));
  }
  registry.add(make_repository("acme/many", files));
  RawClient hub(registry.hub_url());
  std::string target = "/api/models/acme/many/tree/main?recursive=true&expand=false";
  std::vector<std::size_t> pages;
  std::set<std::string> paths;
  while (!target.empty()) {
    const Reply reply = hub.get(target);
    REQUIRE(reply.status == 200);
    const nlohmann::json items = nlohmann::json::parse(reply.body);
    pages.push_back(items.size());
    for (const auto& item : items) {
      paths.insert(item.at("path").get<std::string>());
    }
    const std::string link = reply.headers.get("Link").value_or("");
    REQUIRE((link.empty() || link.ends_with(">; rel=\"next\"")));
    target = link.empty() ? "" : RawClient::target_of(link.substr(1, link.find('>') - 1));
  }
  REQUIRE(pages == std::vector<std::size_t>{1000, 1000, 346});
  REQUIRE(paths.size() == 2346);
  const nlohmann::json top = nlohmann::json::parse(hub.get("/api/models/acme/many/tree/main").body);
  REQUIRE(top.size() == 1);
  REQUIRE(top[0].at("type") == "directory");
}

TEST_CASE("tree entries tell LFS files from regular ones") {
  Bench bench;
  const auto items =
      nlohmann::json::parse(bench.hub.get("/api/models/acme/tiny/tree/main?recursive=true").body);
  REQUIRE(items.size() == 4);
  const auto& model = items.at(2);
  REQUIRE(model.at("path") == "model.safetensors");
  REQUIRE(model.at("size") == k_big_size);
  const std::string sha256 = Content::generated(7, k_big_size).sha256();
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:" + sha256 + "\nsize 3000000\n";
  REQUIRE(model.at("lfs").at("oid") == sha256);
  REQUIRE(model.at("lfs").at("pointerSize") == pointer.size());
  REQUIRE(model.at("oid") == Content::inline_bytes(pointer).git_blob_sha1());
  REQUIRE(!items.at(1).contains("lfs"));
}

TEST_CASE("the Hub refuses in its own words") {
  Bench bench(with_alice());
  Repository repository =
      make_repository("google/gemma-2-2b-it", {regular_file("config.json", "{}")});
  const auto add = [&](auto change) {
    Repository changed = repository;
    change(changed);
    bench.registry.add(changed);
  };
  const auto expect = [&](const Reply& reply, int status, const std::string& code,
                          const std::string& message) {
    REQUIRE(reply.status == status);
    REQUIRE(reply.headers.get("X-Error-Code").value_or("") == code);
    REQUIRE(reply.headers.get("X-Error-Message") == message);
    REQUIRE(nlohmann::json::parse(reply.body).at("error") == message);
    REQUIRE(reply.headers.get("X-Request-Id")->starts_with("Root=1-"));
  };
  const std::string commits = "/api/models/google/gemma-2-2b-it/commits/main";
  const std::string tree = "/api/models/google/gemma-2-2b-it/tree/main";

  SECTION("gated") {
    add([](auto& r) {
      r.gated = true;
      r.allowed_users = {"bob"};
    });
    expect(bench.hub.get(commits), 401, "GatedRepo",
           "Access to model google/gemma-2-2b-it is restricted. You must have access to it and be "
           "authenticated to access it. Please log in.");
    expect(bench.hub.get(commits, k_alice), 403, "GatedRepo",
           "Access to model google/gemma-2-2b-it is restricted and you are not in the authorized "
           "list. Visit https://huggingface.co/google/gemma-2-2b-it to ask for access.");
    REQUIRE(bench.hub.get("/google/gemma-2-2b-it/resolve/main/config.json", k_alice).status == 403);
    REQUIRE(bench.hub.get(tree).status == 200);
    REQUIRE(bench.hub.get(commits, k_bob).status == 200);
  }
  SECTION("gated without a gate before the commits") {
    add([](auto& r) {
      r.gated = true;
      r.gates_commits = false;
    });
    REQUIRE(bench.hub.get(commits).status == 200);
  }
  SECTION("private, missing") {
    add([](auto& r) {
      r.is_private = true;
      r.allowed_users = {"bob"};
    });
    for (const std::string& target : {commits, std::string("/api/models/no/such/tree/main")}) {
      expect(bench.hub.get(target), 401, "RepoNotFound", "Invalid username or password.");
      expect(bench.hub.get(target, k_alice), 404, "RepoNotFound", "Repository not found");
    }
    REQUIRE(bench.hub.get(commits, k_bob).status == 200);
  }
  SECTION("disabled") {
    add([](auto& r) { r.disabled = true; });
    expect(bench.hub.get(commits), 403, "", "Access to this resource is disabled.");
  }
  SECTION("a bad token") {
    expect(bench.hub.get("/api/models/acme/tiny", {{"Authorization", "Bearer nonsense"}}), 401, "",
           "Invalid credentials in Authorization header");
  }
  SECTION("a missing entry") {
    expect(bench.hub.get("/acme/tiny/resolve/main/nope"), 404, "EntryNotFound", "Entry not found");
  }
  SECTION("renamed") {
    add([](auto& r) { r.renamed_to = "acme/tiny"; });
    const Reply reply = bench.hub.get(tree + "?recursive=true");
    REQUIRE(reply.status == 307);
    REQUIRE(reply.headers.get("Location") == "/api/models/acme/tiny/tree/main?recursive=true");
  }
}

TEST_CASE("requests above the quota are refused until the window ends") {
  Options options;
  options.quotas.api = 2;
  Bench bench(options);
  REQUIRE(bench.hub.get("/api/models/acme/tiny").status == 200);
  const Reply last = bench.hub.get("/api/models/acme/tiny");
  REQUIRE(last.headers.get("RateLimit")->starts_with("\"api\";r=0;t="));
  REQUIRE(last.headers.get("RateLimit-Policy") == "\"fixed window\";\"api\";q=2;w=300");
  const Reply refused = bench.hub.get("/api/models/acme/tiny");
  REQUIRE(refused.status == 429);
  REQUIRE(refused.headers.has("Retry-After"));
  bench.registry.set_clock_offset(300s);
  REQUIRE(bench.hub.get("/api/models/acme/tiny").status == 200);
}

TEST_CASE("a mirror may lack much") {
  Options options;
  options.mirror = {
      .has_commits = false, .has_tree = false, .has_repo_commit = false, .redirects = false};
  Bench bench(options);
  REQUIRE(bench.hub.get("/api/models/acme/tiny/commits/main").status == 404);
  REQUIRE(bench.hub.get("/api/models/acme/tiny/tree/main").status == 404);
  const auto info =
      nlohmann::json::parse(bench.hub.get("/api/models/acme/tiny/revision/main").body);
  REQUIRE(info.at("siblings").size() == 3);
  const Reply head = bench.hub.send("HEAD", "/acme/tiny/resolve/main/model.safetensors");
  REQUIRE(head.status == 200);
  REQUIRE(head.headers.get("Content-Length") == "3000000");
  REQUIRE(!head.headers.has("X-Repo-Commit"));
  const Reply part =
      bench.hub.get("/acme/tiny/resolve/main/model.safetensors", {{"Range", "bytes=5-9"}});
  REQUIRE(part.status == 206);
  REQUIRE(part.body == generated(7, 5, 5));
}
