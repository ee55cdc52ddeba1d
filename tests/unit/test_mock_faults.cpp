// SPDX-License-Identifier: Apache-2.0
#include "support/mock/raw_client.hpp"
#include "support/mock/registry.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <thread>

using namespace std::chrono_literals;
using mock::Content;
using mock::Fault;
using mock::RawClient;
using mock::Reply;

namespace {

constexpr std::uint64_t k_size = 1'000'000;

std::string generated(std::uint64_t offset, std::size_t count) {
  std::string bytes(count, '\0');
  mock::fill_generated(1, offset, bytes);
  return bytes;
}

// Answers of the CDN with a fault in each.
struct Faulty {
  explicit Faulty(Fault fault, bool tls = false)
      : registry(options(tls)), hub(registry.hub_url(), registry.ca_pem()) {
    registry.add(
        mock::make_repository("a/b", {mock::lfs_file("w.bin", Content::generated(1, k_size))}));
    registry.set_fault_hook([fault](const mock::RequestInfo& info) {
      return info.kind == mock::RequestKind::content ? fault : Fault{};
    });
    location = *hub.get("/a/b/resolve/main/w.bin").headers.get("Location");
  }

  static mock::Options options(bool tls) {
    mock::Options options;
    options.tls = tls;
    return options;
  }

  Reply fetch(const mock::Headers& headers = {}) {
    RawClient cdn(location, registry.ca_pem());
    return cdn.get(RawClient::target_of(location), headers);
  }

  // How long one fetch takes.
  double seconds(const mock::Shaping& shaping) {
    registry.set_shaping(shaping);
    const auto begin = std::chrono::steady_clock::now();
    static_cast<void>(fetch());
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  mock::Registry registry;
  RawClient hub;
  std::string location;
};

}  // namespace

TEST_CASE("a connection is cut where the fault says") {
  const bool tls = GENERATE(false, true);
  const bool reset = GENERATE(false, true);
  Fault fault{.cut = GENERATE(Fault::Cut::before_head, Fault::Cut::inside_head,
                              Fault::Cut::inside_body, Fault::Cut::inside_tls_record),
              .cut_after_body_bytes = 400'000};
  fault.reset = reset;
  Faulty faulty(fault, tls);
  const Reply reply = faulty.fetch();
  REQUIRE(!reply.complete);
  if (fault.cut == Fault::Cut::inside_body && !reset) {
    REQUIRE(reply.status == 200);
    REQUIRE(reply.body == generated(0, 400'000));
    REQUIRE(faulty.registry.content_bytes_served() == 400'000);
  }
  if (fault.cut == Fault::Cut::before_head || fault.cut == Fault::Cut::inside_head) {
    REQUIRE(reply.status == 0);
  }
}

TEST_CASE("a stalled answer neither ends nor keeps the registry from stopping") {
  Faulty faulty(Fault{.stall_after_body_bytes = 1000});
  Reply reply;
  std::thread client([&] { reply = faulty.fetch(); });
  REQUIRE(faulty.registry.wait_for_request([](const auto& r) { return r.stalled; }, 10s));
  faulty.registry.down(mock::Host::cdn);
  client.join();
  REQUIRE(reply.status == 200);
  REQUIRE(!reply.complete);
  REQUIRE_THROWS(faulty.fetch());
  faulty.registry.up(mock::Host::cdn);
  faulty.registry.set_fault_hook({});
  REQUIRE(faulty.fetch().complete);
}

TEST_CASE("bytes are flipped, dropped, doubled and exchanged at offsets of the file") {
  const std::string good = generated(1000, 5000);
  std::string bad = good;
  Fault::Edit edit{.offset = 2000, .length = 10};
  SECTION("flip") {
    for (std::size_t i = 1000; i < 1010; ++i) {
      bad[i] = static_cast<char>(~bad[i]);
    }
  }
  SECTION("drop") {
    edit.kind = Fault::Edit::Kind::drop;
    bad = good.substr(0, 1000) + good.substr(1010) + std::string(10, '\0');
  }
  SECTION("duplicate") {
    edit.kind = Fault::Edit::Kind::duplicate;
    bad = (good.substr(0, 1010) + good.substr(1000)).substr(0, good.size());
  }
  SECTION("swap") {
    edit.kind = Fault::Edit::Kind::swap;
    bad = good.substr(0, 1000) + good.substr(1010, 10) + good.substr(1000, 10) + good.substr(1020);
  }
  Faulty faulty(Fault{.edits = {edit}});
  REQUIRE(faulty.fetch({{"Range", "bytes=1000-5999"}}).body == bad);
  REQUIRE(faulty.fetch({{"Range", "bytes=6000-6999"}}).body == generated(6000, 1000));
}

TEST_CASE("heads lie as told") {
  SECTION("no range") {
    Faulty faulty(Fault{.ignore_range = true});
    REQUIRE(faulty.fetch({{"Range", "bytes=0-9"}}).status == 200);
  }
  SECTION("headers") {
    Fault fault;
    fault.headers = {{"Content-Range", "bytes 1-10/1000000"}, {"Accept-Ranges", std::nullopt}};
    fault.etag = "\"other\"";
    Faulty faulty(fault);
    const Reply reply = faulty.fetch({{"Range", "bytes=0-9"}});
    REQUIRE(reply.status == 206);
    REQUIRE(reply.headers.get("Content-Range") == "bytes 1-10/1000000");
    REQUIRE(reply.headers.get("ETag") == "\"other\"");
    REQUIRE(!reply.headers.has("Accept-Ranges"));
  }
  SECTION("another answer") {
    Fault fault;
    fault.answer = mock::text_response(503, "busy");
    fault.answer->headers.add("Retry-After", "2");
    const Reply reply = Faulty(fault).fetch();
    REQUIRE(reply.status == 503);
    REQUIRE(reply.headers.get("Retry-After") == "2");
    REQUIRE(reply.body == "busy");
  }
  SECTION("other content") {
    const Reply reply = Faulty(Fault{.content = Content::zeros(5)}).fetch();
    REQUIRE(reply.body == std::string(5, '\0'));
  }
}

TEST_CASE("chunked answers carry the same bytes, and may be cut in the middle") {
  Fault fault{.chunked = true};
  const Reply whole = Faulty(fault).fetch();
  REQUIRE(whole.complete);
  REQUIRE(!whole.headers.has("Content-Length"));
  REQUIRE(whole.body == generated(0, k_size));
  fault.cut = Fault::Cut::inside_body;
  fault.cut_after_body_bytes = 300'000;
  const Reply cut = Faulty(fault).fetch();
  REQUIRE(!cut.complete);
  REQUIRE(cut.body == generated(0, 300'000));
}

TEST_CASE("a body may come gzipped") {
  Faulty faulty(Fault{.gzip = true});
  const Reply reply = faulty.fetch({{"Range", "bytes=100-99999"}});
  REQUIRE(reply.headers.get("Content-Encoding") == "gzip");
  REQUIRE(reply.body.substr(0, 3) == "\x1f\x8b\x08");
  // 10 bytes of head, one block of 65535 bytes and one of the rest, each after 5 bytes, 8 at the
  // end.
  REQUIRE(reply.body.size() == 99900 + 10 + 2 * 5 + 8);
  REQUIRE(reply.body.substr(15, 65535) == generated(100, 65535));
  REQUIRE(reply.body.substr(15 + 65535 + 5, 99900 - 65535) == generated(65635, 99900 - 65535));
  REQUIRE(Faulty(Fault{.content = Content(), .gzip = true}).fetch().body.size() == 10 + 5 + 8);
}

TEST_CASE("a connection that promised to stay may end after the answer") {
  Faulty faulty(Fault{.cut = Fault::Cut::after_body});
  RawClient cdn(faulty.location);
  const std::string target = RawClient::target_of(faulty.location);
  const Reply reply = cdn.get(target);
  REQUIRE(reply.complete);
  REQUIRE(reply.headers.get("Connection") == "keep-alive");
  REQUIRE(cdn.get(target).status == 0);
}

TEST_CASE("a length that lies is followed by the end of the connection") {
  for (const std::string length : {"999000", "1001000"}) {
    Faulty faulty(Fault{.headers = {{"Content-Length", length}}});
    RawClient cdn(faulty.location);
    const std::string target = RawClient::target_of(faulty.location);
    REQUIRE(cdn.get(target).body.size() == std::min<std::size_t>(k_size, std::stoul(length)));
    REQUIRE(cdn.get(target).status == 0);
  }
}

TEST_CASE("an offset beyond the body does nothing") {
  Fault fault{.cut = Fault::Cut::inside_body, .cut_after_body_bytes = k_size + 1};
  fault.stall_after_body_bytes = k_size + 1;
  Faulty faulty(fault);
  RawClient cdn(faulty.location);
  const std::string target = RawClient::target_of(faulty.location);
  REQUIRE(cdn.get(target).complete);
  REQUIRE(cdn.get(target).complete);
}

TEST_CASE("attempts are counted for each file and kind") {
  Faulty faulty({});
  faulty.registry.set_fault_hook([](const mock::RequestInfo& info) {
    Fault fault;
    if (info.kind == mock::RequestKind::content && info.attempt <= 2) {
      fault.answer = mock::text_response(502, "");
    }
    return fault;
  });
  REQUIRE(faulty.fetch().status == 502);
  REQUIRE(faulty.fetch().status == 502);
  REQUIRE(faulty.fetch().status == 200);
}

TEST_CASE("rates hold") {
  Faulty faulty({});
  REQUIRE(faulty.seconds({.connection_bytes_per_second = 5'000'000}) >= 0.18);
  REQUIRE(faulty.seconds({.total_bytes_per_second = 5'000'000}) >= 0.18);
  REQUIRE(faulty.seconds({.latency = 100ms}) >= 0.1);
}

TEST_CASE("too many content answers at once make all of them slow") {
  Faulty faulty({});
  faulty.registry.set_fault_hook([](const mock::RequestInfo& info) {
    Fault fault;
    if (info.kind == mock::RequestKind::content && info.attempt == 1) {
      fault.stall_after_body_bytes = 1;
    }
    return fault;
  });
  std::thread other([&] { static_cast<void>(faulty.fetch()); });
  REQUIRE(faulty.registry.wait_for_content_bytes(1, 10s));
  mock::Shaping shaping;
  shaping.collapse_above = 1;
  shaping.collapsed_bytes_per_second = 5'000'000;
  REQUIRE(faulty.seconds(shaping) >= 0.18);
  shaping.collapse_above = 2;
  shaping.collapsed_bytes_per_second = 1;
  REQUIRE(faulty.seconds(shaping) < 10);
  faulty.registry.down(mock::Host::cdn);
  other.join();
}
