// SPDX-License-Identifier: Apache-2.0
#include <set>

#include <nai/source/hugging_face.hpp>
#include <nai/source/manifest.hpp>
#include <nai/util/error.hpp>

#include "fuzz/input.hpp"
#include "source/hugging_face/hub.hpp"
#include "source/hugging_face/hub_error.hpp"
#include "source/hugging_face/pattern.hpp"
#include "source/hugging_face/revision.hpp"
#include "source/hugging_face/tree.hpp"
#include "support/captured_log.hpp"
#include "support/fake_client.hpp"
#include "support/fake_clock.hpp"

// What a Hub answers: file lists, commits, errors; and patterns and names of repositories, which a
// user may get from elsewhere.

namespace {

using namespace nai;
using nai::fuzz::require;

const std::string k_commit(40, 'a');

// Calls `use` with a Hub that answers everything with this text.
template <typename Use>
void with_hub(int status, const std::string& body, const Use& use) {
  test::FakeClient client([&](const http::Request&) {
    return test::answer(status, {{"Content-Type", "application/json"}}, body);
  });
  test::FakeClock clock;
  test::CapturedLog log;
  source::Hub hub({.endpoint = http::Url::parse("https://hub.example").value(),
                   .repository = "acme/tiny",
                   .revision = {},
                   .token = "hf_secret"},
                  client, clock, log);
  const std::stop_source stop;
  try {
    use(hub, stop.get_token());
  } catch (const util::Error& error) {
    require(std::string(error.what()).find("hf_secret") == std::string::npos);
    require(error.kind() != util::ErrorKind::internal);
  }
}

void check_files(const std::vector<source::Artifact>& files) {
  std::set<std::string> paths;
  for (const auto& file : files) {
    require(!file.path.empty() && file.path.front() != '/');
    require(("/" + file.path + "/").find("/../") == std::string::npos);
    require(paths.insert(file.path).second);
  }
}

void pattern(std::string_view pattern_text, std::string_view path) {
  constexpr std::size_t k_long = 200;
  const source::Pattern pattern(pattern_text.substr(0, k_long));
  static_cast<void>(pattern.matches(path.substr(0, k_long)));
}

// What names a repository becomes a part of addresses.
void reference(const std::string& text) {
  try {
    const std::string name = source::parse_repository(text);
    require(name.find("..") == std::string::npos);
    require(name.find_first_of("?#%@:\\ \r\n") == std::string::npos);
    require(source::parse_repository(name) == name);
  } catch (const util::Error& error) {
    require(error.kind() == util::ErrorKind::usage);
  }
}

void error_text(const std::string& body) {
  http::Response response;
  response.status = 403;
  response.headers.add("X-Error-Message", body.substr(0, 100));
  const auto url = http::Url::parse("https://hub.example/x?secret=1").value();
  const auto error = source::hub_error(response, body, url);
  const bool told_by_server = body.find("secret=1") != std::string::npos;
  require(told_by_server || std::string(error.what()).find("secret=1") == std::string::npos);
  static_cast<void>(source::server_words(response, body));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  switch (input.choice) {
    case 's':
      with_hub(200, input.text, [](source::Hub& hub, const std::stop_token& stop) {
        check_files(source::list_siblings(hub, k_commit, stop));
      });
      break;
    case 'c':
      with_hub(200, input.text, [](source::Hub& hub, const std::stop_token& stop) {
        require(source::is_commit(source::resolve_revision(hub, stop)));
      });
      break;
    case 'e':
      error_text(input.text);
      break;
    case 'r':
      reference(input.text);
      break;
    case 'p':
      pattern(input.first_line(), input.rest());
      break;
    default:
      with_hub(200, input.text, [](source::Hub& hub, const std::stop_token& stop) {
        check_files(source::list_files(hub, k_commit, stop));
      });
  }
  return 0;
}
