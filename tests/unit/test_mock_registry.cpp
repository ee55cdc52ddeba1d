// SPDX-License-Identifier: Apache-2.0
#include "support/mock/digest.hpp"
#include "support/mock/raw_client.hpp"
#include "support/mock/registry.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <nlohmann/json.hpp>

using namespace std::chrono_literals;
using mock::Content;
using mock::RawClient;
using mock::Reply;

namespace {

constexpr std::uint64_t k_big_size = 3'000'000;

mock::Repository tiny() {
  return mock::make_repository(
      "acme/tiny", {mock::regular_file("config.json", "{\"a\": 1}\n"),
                    mock::regular_file("sub dir/weird #%name.txt", "hello"),
                    mock::lfs_file("model.safetensors", Content::generated(7, k_big_size))});
}

std::string generated(std::uint64_t seed, std::uint64_t offset, std::size_t count) {
  std::string bytes(count, '\0');
  mock::fill_generated(seed, offset, bytes);
  return bytes;
}

mock::Options with_alice() {
  mock::Options options;
  options.tokens = {{"alice", "hf_alice"}, {"bob", "hf_bob"}};
  return options;
}

const mock::Headers k_alice = {{"Authorization", "Bearer hf_alice"}};
const mock::Headers k_bob = {{"Authorization", "Bearer hf_bob"}};

// A registry with the tiny repository and one client for each host.
struct Bench {
  explicit Bench(mock::Options options = {})
      : registry(std::move(options)), hub(registry.hub_url()) {
    registry.add(tiny());
  }

  std::string location() {
    return *hub.get("/acme/tiny/resolve/main/model.safetensors").headers.get("Location");
  }
  Reply fetch(const mock::Headers& headers = {}) {
    const std::string url = location();
    RawClient cdn(url);
    return cdn.get(RawClient::target_of(url), headers);
  }

  mock::Registry registry;
  RawClient hub;
};

}  // namespace

TEST_CASE("generated content depends on seed and position, however it is read") {
  const std::string all = generated(3, 0, 20000);
  REQUIRE(generated(3, 4095, 4100) == all.substr(4095, 4100));
  REQUIRE(generated(4, 0, 20000) != all);
  REQUIRE(all.substr(0, 4096) != all.substr(4096, 4096));
  REQUIRE(Content::generated(3, 20000).sha256() == mock::sha256_hex(all));
  REQUIRE(Content::inline_bytes("hello").git_blob_sha1() ==
          "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0");
}

TEST_CASE("a range of a signed location is exactly what was asked for") {
  Bench bench;
  const Reply reply = bench.fetch({{"Range", "bytes=4000-1000000"}});
  REQUIRE(reply.status == 206);
  REQUIRE(reply.headers.get("Content-Range") == "bytes 4000-1000000/3000000");
  REQUIRE(reply.body == generated(7, 4000, 996001));
  REQUIRE(bench.registry.content_bytes_served() == 996001);

  const Reply tail = bench.fetch({{"Range", "bytes=2999990-9999999"}});
  REQUIRE(tail.status == 206);
  REQUIRE(tail.headers.get("Content-Range") == "bytes 2999990-2999999/3000000");
  const Reply suffix = bench.fetch({{"Range", "bytes=-5"}});
  REQUIRE(suffix.body == generated(7, 2999995, 5));
  const Reply beyond = bench.fetch({{"Range", "bytes=3000000-"}});
  REQUIRE(beyond.status == 416);
  REQUIRE(beyond.headers.get("Content-Range") == "bytes */3000000");
  REQUIRE(bench.fetch({{"Range", "bytes=5-3"}}).status == 200);
}

TEST_CASE("a client that takes gzip gets no range, as from CloudFront") {
  Bench bench;
  const Reply reply = bench.fetch({{"Range", "bytes=0-9"}, {"Accept-Encoding", "gzip, deflate"}});
  REQUIRE(reply.status == 200);
  REQUIRE(reply.body.size() == k_big_size);
  REQUIRE(bench.fetch({{"Range", "bytes=0-9"}, {"Accept-Encoding", "identity"}}).status == 206);
}

TEST_CASE("conditions decide by the ETag") {
  Bench bench;
  const std::string etag = *bench.fetch({{"Range", "bytes=0-0"}}).headers.get("ETag");
  REQUIRE(etag == '"' + Content::generated(7, k_big_size).sha256() + '"');
  REQUIRE(bench.fetch({{"If-None-Match", etag}}).status == 304);
  REQUIRE(bench.fetch({{"If-Range", etag}, {"Range", "bytes=0-1"}}).status == 206);
  REQUIRE(bench.fetch({{"If-Range", "\"other\""}, {"Range", "bytes=0-1"}}).status == 200);
}

TEST_CASE("the CDN refuses tokens, altered signatures and expired locations") {
  mock::Options options;
  options.location_style = GENERATE_COPY(mock::LocationStyle::s3, mock::LocationStyle::cloudfront);
  Bench bench(options);
  const std::string url = bench.location();
  const std::string target = RawClient::target_of(url);
  RawClient cdn(url);
  REQUIRE(cdn.send("HEAD", target).status == 200);
  REQUIRE(bench.registry.violations().empty());

  SECTION("a token") {
    const Reply reply = cdn.get(target, k_alice);
    REQUIRE(reply.status == 400);
    REQUIRE(reply.body.find("<Code>InvalidArgument</Code>") != std::string::npos);
    REQUIRE(bench.registry.violations().size() == 1);
  }
  SECTION("another path or query") {
    REQUIRE(cdn.get(target.substr(0, target.find('?'))).status == 403);
    std::string other = target;
    other[other.find("safetensors")] = 'S';
    const Reply reply = cdn.get(other);
    REQUIRE(reply.status == 403);
    REQUIRE(reply.body.find("SignatureDoesNotMatch") != std::string::npos);
  }
  SECTION("time") {
    bench.registry.set_clock_offset(59min);
    REQUIRE(cdn.send("HEAD", target).status == 200);
    bench.registry.set_clock_offset(61min);
    const Reply reply = cdn.get(target);
    REQUIRE(reply.status == 403);
    REQUIRE(reply.body.find("Request has expired") != std::string::npos);
    REQUIRE(bench.fetch({{"Range", "bytes=0-0"}}).status == 206);
  }
}

TEST_CASE("files above 50 GB need a range") {
  mock::Registry registry;
  const Content zeros = Content::zeros(200'000'000'000);
  zeros.assume_sha256(std::string(64, 'a'));
  registry.add(mock::make_repository("acme/huge", {mock::lfs_file("big.bin", zeros)}));
  RawClient hub(registry.hub_url());
  const Reply hop = hub.get("/acme/huge/resolve/main/big.bin");
  REQUIRE(hop.headers.get("X-Linked-Size") == "200000000000");
  RawClient cdn(*hop.headers.get("Location"));
  const std::string target = RawClient::target_of(*hop.headers.get("Location"));
  REQUIRE(cdn.get(target).status == 400);
  const Reply reply = cdn.get(target, {{"Range", "bytes=199999999990-"}});
  REQUIRE(reply.status == 206);
  REQUIRE(reply.body == std::string(10, '\0'));
}

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
  mock::Registry registry;
  mock::Repository repository = tiny();
  const std::string old = repository.refs.at("main");
  const std::string next = repository.add_commit({mock::regular_file("README.md", "new")});
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
  mock::Registry registry;
  std::vector<mock::File> files;
  for (int i = 0; i < 2345; ++i) {
    files.push_back(mock::regular_file("d/" + std::to_string(i) + ".txt", std::to_string(i)));
  }
  registry.add(mock::make_repository("acme/many", files));
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
  mock::Repository repository =
      mock::make_repository("google/gemma-2-2b-it", {mock::regular_file("config.json", "{}")});
  const auto add = [&](auto change) {
    mock::Repository changed = repository;
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
  mock::Options options;
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
  mock::Options options;
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

TEST_CASE("two CDN hosts take turns") {
  mock::Options options;
  options.second_cdn = true;
  Bench bench(options);
  const std::string first = bench.location();
  const std::string second = bench.location();
  REQUIRE(first.starts_with("http://127.0.0.2:"));
  REQUIRE(second.starts_with("http://127.0.0.3:"));
  RawClient cdn(second);
  REQUIRE(cdn.send("HEAD", RawClient::target_of(second)).status == 200);
  REQUIRE(cdn.send("HEAD", RawClient::target_of(first)).status == 403);
}

TEST_CASE("over TLS only who trusts the CA is served, and only by the right certificate") {
  mock::Options options;
  options.tls = true;
  mock::Registry registry(options);
  registry.add(tiny());
  const std::string target = "/api/models/acme/tiny";
  RawClient hub(registry.hub_url(), registry.ca_pem());
  const Reply hop = hub.get("/acme/tiny/resolve/main/model.safetensors");
  const std::string location = *hop.headers.get("Location");
  REQUIRE(location.starts_with("https://127.0.0.2:"));
  RawClient cdn(location, registry.ca_pem());
  const Reply reply = cdn.get(RawClient::target_of(location));
  REQUIRE(reply.body == generated(7, 0, k_big_size));

  REQUIRE_THROWS(RawClient(registry.hub_url(), mock::CertificateAuthority().pem()));
  for (const auto kind : {mock::CertificateKind::expired, mock::CertificateKind::wrong_name,
                          mock::CertificateKind::unknown_issuer}) {
    registry.set_certificate(mock::Host::hub, kind);
    REQUIRE_THROWS(RawClient(registry.hub_url(), registry.ca_pem()));
  }
  registry.set_certificate(mock::Host::hub, mock::CertificateKind::valid);
  REQUIRE(RawClient(registry.hub_url(), registry.ca_pem()).get(target).status == 200);
}

TEST_CASE("malformed requests end the connection and are noted") {
  Bench bench;
  REQUIRE(bench.hub.send_raw("GET / HTTP/1.1\r\n\r\n").status == 400);
  REQUIRE(bench.registry.violations().size() == 1);
  REQUIRE(bench.hub.get("/api/models/acme/tiny").status == 0);
}

TEST_CASE("the log tells what was asked and answered") {
  Bench bench(with_alice());
  REQUIRE(bench.fetch({{"Range", "bytes=0-99"}}).status == 206);
  REQUIRE(bench.registry.wait_for_request(
      [](const auto& r) { return r.kind == mock::RequestKind::content && r.finished; }, 10s));
  const auto requests = bench.registry.requests();
  REQUIRE(requests.size() == 2);
  REQUIRE(requests[0].host == mock::Host::hub);
  REQUIRE(requests[0].kind == mock::RequestKind::resolve);
  REQUIRE(requests[0].file == "model.safetensors");
  REQUIRE(requests[0].status == 302);
  REQUIRE(requests[1].host == mock::Host::cdn);
  REQUIRE(requests[1].repository == "acme/tiny");
  REQUIRE(requests[1].file == "model.safetensors");
  REQUIRE(requests[1].range == "bytes=0-99");
  REQUIRE(requests[1].body_bytes == 100);
  REQUIRE(requests[1].complete);
  REQUIRE(requests[1].connection != requests[0].connection);
  REQUIRE(bench.registry.request_count(mock::RequestKind::content) == 1);
}
