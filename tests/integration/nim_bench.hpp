// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <catch2/catch_test_macros.hpp>

#include <nai/http/curl_client.hpp>
#include <nai/source/nim.hpp>
#include <nai/util/error.hpp>

#include "support/captured_log.hpp"
#include "support/fake_clock.hpp"
#include "support/nim_models.hpp"
#include "support/temporary_directory.hpp"
#include "support/text_sink.hpp"

namespace nai::source {

class MemoryStore final : public TextStore {
 public:
  std::optional<std::string> load(const std::string& name) override {
    const auto found = texts.find(name);
    return found == texts.end() ? std::nullopt : std::optional(found->second);
  }
  void save(const std::string& name, std::string_view text) override { texts[name] = text; }

  std::map<std::string, std::string> texts;
};

// A NIM source against a mock of its services, over TLS.
struct NimBench {
  explicit NimBench(mock::NimServiceOptions service_options = {})
      : service(std::move(service_options)) {
    service.write_ca(directory.path() / "ca.pem");
    client = http::make_curl_client({.extra_ca_files = {directory.path() / "ca.pem"}});
    service.add(test::nim_image(test::manifest_v1()));
    for (auto& model : test::ngc_models(100'000)) {
      service.add(std::move(model));
    }
  }

  [[nodiscard]] NimOptions options() const {
    const auto api = http::Url::parse(service.api_url()).value();
    return {.image = service.host() + "/" + test::k_nim_repository + ":" + test::k_nim_tag,
            .ngc_key = "nvapi-right",
            .ngc_api = api,
            .ngc_auth = api,
            .hub = api,
            .retry = {.max_attempts = 3}};
  }

  std::unique_ptr<NimSource> source(NimOptions given) {
    return make_nim_source(std::move(given), *client, clock, log, store);
  }

  // What goes wrong when all of it is asked for.
  util::Error error(NimOptions given) {
    try {
      const auto nim = source(std::move(given));
      static_cast<void>(nim->resolve({}));
      static_cast<void>(nim->list({}));
    } catch (const util::Error& problem) {
      INFO(problem.what());
      CHECK(std::string(problem.what()).find("nvapi-") == std::string::npos);
      return problem;
    }
    FAIL("no error");
    return {util::ErrorKind::internal, ""};
  }

  test::TemporaryDirectory directory;
  mock::NimService service;
  std::unique_ptr<http::Client> client;
  test::FakeClock clock;
  test::CapturedLog log;
  MemoryStore store;
};

}  // namespace nai::source
