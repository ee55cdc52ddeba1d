// SPDX-License-Identifier: Apache-2.0
// The mock registry: connections and its log.
#include <chrono>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "unit/mock_bench.hpp"

using namespace std::chrono_literals;
using namespace mock;

TEST_CASE("over TLS only who trusts the CA is served, and only by the right certificate") {
  Options options;
  options.tls = true;
  Registry registry(options);
  registry.add(tiny());
  const std::string target = "/api/models/acme/tiny";
  RawClient hub(registry.hub_url(), registry.ca_pem());
  const Reply hop = hub.get("/acme/tiny/resolve/main/model.safetensors");
  const std::string location = *hop.headers.get("Location");
  REQUIRE(location.starts_with("https://127.0.0.2:"));
  RawClient cdn(location, registry.ca_pem());
  const Reply reply = cdn.get(RawClient::target_of(location));
  REQUIRE(reply.body == generated(7, 0, k_big_size));

  REQUIRE_THROWS(RawClient(registry.hub_url(), CertificateAuthority().pem()));
  for (const auto kind :
       {CertificateKind::expired, CertificateKind::wrong_name, CertificateKind::unknown_issuer}) {
    registry.set_certificate(Host::hub, kind);
    REQUIRE_THROWS(RawClient(registry.hub_url(), registry.ca_pem()));
  }
  registry.set_certificate(Host::hub, CertificateKind::valid);
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
      [](const auto& r) { return r.kind == RequestKind::content && r.finished; }, 10s));
  const auto requests = bench.registry.requests();
  REQUIRE(requests.size() == 2);
  REQUIRE(requests[0].host == Host::hub);
  REQUIRE(requests[0].kind == RequestKind::resolve);
  REQUIRE(requests[0].file == "model.safetensors");
  REQUIRE(requests[0].status == 302);
  REQUIRE(requests[1].host == Host::cdn);
  REQUIRE(requests[1].repository == "acme/tiny");
  REQUIRE(requests[1].file == "model.safetensors");
  REQUIRE(requests[1].range == "bytes=0-99");
  REQUIRE(requests[1].body_bytes == 100);
  REQUIRE(requests[1].complete);
  REQUIRE(requests[1].connection != requests[0].connection);
  REQUIRE(bench.registry.request_count(RequestKind::content) == 1);
}
