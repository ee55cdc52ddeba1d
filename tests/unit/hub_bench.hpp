// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <nai/source/hugging_face.hpp>
#include <nai/util/error.hpp>
#include <source/hugging_face/revision.hpp>
#include <source/hugging_face/tree.hpp>

#include "support/captured_log.hpp"
#include "support/fake_client.hpp"
#include "support/fake_clock.hpp"

// A Hub behind a scripted client.
namespace nai::source {

using test::Answer;
using test::answer;
using test::FakeClient;
using util::ErrorKind;

inline const std::string k_commit(40, 'c');
inline const std::string k_oid(40, 'a');
inline const std::string k_sha256(64, 'b');
inline const std::string k_api = "https://hub.example/api/models/acme/tiny";
inline const std::string k_tree = k_api + "/tree/" + k_commit + "?recursive=true&expand=false";

struct HubBench {
  explicit HubBench(std::vector<Answer> answers, const std::string& revision = "",
                    const std::string& endpoint = "https://hub.example")
      : client(std::move(answers)),
        hub({.endpoint = http::Url::parse(endpoint).value(),
             .repository = "acme/tiny",
             .revision = revision,
             .token = "hf_secret"},
            client, clock, log) {}

  std::string resolve() { return resolve_revision(hub, stop.get_token()); }
  std::vector<Artifact> list() { return list_files(hub, k_commit, stop.get_token()); }

  FakeClient client;
  test::FakeClock clock;
  test::CapturedLog log;
  Hub hub;
  std::stop_source stop;
};

template <typename Call>
util::Error error_of(const Call& call) {
  try {
    call();
  } catch (const util::Error& error) {
    INFO(error.what());
    CHECK(std::string(error.what()).find("hf_secret") == std::string::npos);
    return error;
  }
  FAIL("no error");
  return {ErrorKind::internal, ""};
}

inline Answer json(const std::string& body, std::vector<http::Header> headers = {}) {
  return answer(200, std::move(headers), body);
}

inline Answer commits(const std::string& id = k_commit) {
  return json(R"([{"id":")" + id + R"(","title":"x"},{"id":"older"}])");
}

inline std::string file(const std::string& path) {
  return R"({"type":"file","path":")" + path + R"(","size":3,"oid":")" + k_oid + R"("})";
}

}  // namespace nai::source
