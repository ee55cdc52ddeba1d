// SPDX-License-Identifier: Apache-2.0
// The mock registry: content and its hosts.
#include <chrono>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "unit/mock_bench.hpp"

using namespace std::chrono_literals;
using namespace mock;

TEST_CASE("generated content depends on seed and position, however it is read") {
  const std::string all = generated(3, 0, 20000);
  REQUIRE(generated(3, 4095, 4100) == all.substr(4095, 4100));
  REQUIRE(generated(4, 0, 20000) != all);
  REQUIRE(all.substr(0, 4096) != all.substr(4096, 4096));
  REQUIRE(Content::generated(3, 20000).sha256() == sha256_hex(all));
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
  Options options;
  options.location_style = GENERATE_COPY(LocationStyle::s3, LocationStyle::cloudfront);
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
  Registry registry;
  const Content zeros = Content::zeros(200'000'000'000);
  zeros.assume_sha256(std::string(64, 'a'));
  registry.add(make_repository("acme/huge", {lfs_file("big.bin", zeros)}));
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

TEST_CASE("two CDN hosts take turns") {
  Options options;
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
