// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <nai/digest/hasher.hpp>
#include <nai/util/error.hpp>

#include <source/nim/image.hpp>
#include <source/nim/registry_client.hpp>

#include "support/captured_log.hpp"
#include "support/fake_client.hpp"
#include "support/fake_clock.hpp"

namespace nai::test {

inline digest::Digest sha256_of(std::string_view text) {
  digest::Hasher hasher(digest::Algorithm::sha256, text.size());
  hasher.update(std::as_bytes(std::span(text)));
  return hasher.digest();
}

// A registry that is a function, and the client of its image https://reg.example/a:1.
struct NimRegistry {
  explicit NimRegistry(FakeClient::Script script) : client(std::move(script)) {}

  source::Image resolve(const source::Platform& platform) {
    return source::resolve_image(registry, image, platform, {});
  }

  FakeClient client;
  FakeClock clock;
  CapturedLog log;
  source::Connection connection{client, clock, log, {.max_attempts = 2}};
  source::ImageReference image = source::parse_image("reg.example/a:1");
  source::RegistryClient registry{
      connection, image, {}, [](const source::RegistryAnswer& failed, int) {
        return util::Error(util::ErrorKind::temporary,
                           fmt::format("{} {}", failed.response.status, failed.problem));
      }};
};

// The manifest of an image without layers that has this configuration.
inline std::string manifest_of(const std::string& config) {
  return fmt::format(R"({{"schemaVersion":2,"config":{{"digest":"{}","size":{}}},"layers":[]}})",
                     sha256_of(config).to_string(), config.size());
}

// Serves such an image.
inline FakeClient::Script one_image(const std::string& config) {
  return [config](const http::Request& request) {
    return request.url.path().find("/blobs/") == std::string::npos
               ? answer(200, {}, manifest_of(config))
               : answer(200, {}, config);
  };
}

}  // namespace nai::test
