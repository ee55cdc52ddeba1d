// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include <nai/http/retry.hpp>

namespace nai::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Response response(int status, const std::vector<Header>& headers = {}) {
  Response result;
  result.status = status;
  for (const Header& header : headers) {
    result.headers.add(header.name, header.value);
  }
  return result;
}

TEST_CASE("retry: what a status means", "[http]") {
  struct Row {
    int status;
    Verdict verdict;
  };
  const std::vector<Row> rows = {
      {200, Verdict::success},      {206, Verdict::success}, {304, Verdict::success},
      {302, Verdict::fatal},        {400, Verdict::fatal},   {401, Verdict::fatal},
      {403, Verdict::fatal},        {404, Verdict::fatal},   {408, Verdict::retry},
      {410, Verdict::fatal},        {416, Verdict::fatal},   {425, Verdict::retry},
      {429, Verdict::rate_limited}, {500, Verdict::retry},   {501, Verdict::fatal},
      {502, Verdict::retry},        {503, Verdict::retry},   {504, Verdict::retry},
      {505, Verdict::fatal},        {520, Verdict::retry},   {100, Verdict::fatal},
      {0, Verdict::retry},          {999, Verdict::fatal},
  };
  for (const Row& row : rows) {
    INFO(row.status);
    CHECK(classify(response(row.status)) == row.verdict);
  }
  CHECK(classify(response(302, {{"Location", "/x"}})) == Verdict::redirect);
  CHECK(classify(response(503, {{"Retry-After", "1"}})) == Verdict::rate_limited);
}

TEST_CASE("retry: what trouble on the wire means", "[http]") {
  struct Row {
    TransportFailure failure;
    Verdict verdict;
  };
  for (const Row& row :
       {Row{TransportFailure::name_resolution, Verdict::retry},
        Row{TransportFailure::connect, Verdict::retry},
        Row{TransportFailure::proxy, Verdict::retry}, Row{TransportFailure::tls, Verdict::retry},
        Row{TransportFailure::tls_untrusted, Verdict::fatal},
        Row{TransportFailure::timed_out, Verdict::retry},
        Row{TransportFailure::stalled, Verdict::retry},
        Row{TransportFailure::closed, Verdict::retry},
        Row{TransportFailure::protocol, Verdict::retry},
        Row{TransportFailure::stopped, Verdict::stopped}}) {
    // A good status does not save a body that broke off.
    Response broken = response(206);
    broken.error = TransportError{row.failure, "x"};
    CHECK(classify(broken) == row.verdict);
  }
}

TEST_CASE("retry: delays", "[http]") {
  struct Row {
    std::string name;
    int attempt;
    Verdict verdict;
    std::optional<seconds> wish;
    milliseconds least;
    milliseconds most;
  };
  const std::vector<Row> rows = {
      {"first", 1, Verdict::retry, {}, milliseconds{250}, milliseconds{500}},
      {"second", 2, Verdict::retry, {}, milliseconds{500}, milliseconds{1000}},
      {"fifth", 5, Verdict::retry, {}, milliseconds{4000}, milliseconds{8000}},
      {"capped", 9, Verdict::retry, {}, milliseconds{30'000}, milliseconds{60'000}},
      {"far", 1'000'000, Verdict::retry, {}, milliseconds{30'000}, milliseconds{60'000}},
      {"no attempt yet", 0, Verdict::retry, {}, milliseconds{250}, milliseconds{500}},
      {"limited", 1, Verdict::rate_limited, {}, milliseconds{2500}, milliseconds{5000}},
      {"wish", 1, Verdict::rate_limited, seconds{172}, seconds{172}, milliseconds{172'500}},
      {"wish above the cap", 1, Verdict::retry, seconds{300}, seconds{300}, milliseconds{300'500}},
      {"small wish", 5, Verdict::retry, seconds{1}, milliseconds{4000}, milliseconds{8000}},
      {"mad wish", 1, Verdict::retry, seconds{1'000'000}, seconds{3600}, milliseconds{3'600'500}},
  };
  std::mt19937 rng(1);
  for (const Row& row : rows) {
    INFO(row.name);
    milliseconds smallest = milliseconds::max();
    milliseconds largest{0};
    for (int i = 0; i < 200; ++i) {
      const milliseconds delay = retry_delay({}, row.attempt, row.verdict, row.wish, rng);
      CHECK(delay >= row.least);
      CHECK(delay <= row.most);
      smallest = std::min(smallest, delay);
      largest = std::max(largest, delay);
    }
    // It is jittered, not constant.
    CHECK(largest > smallest);
  }
}

TEST_CASE("retry: the server's wish", "[http]") {
  const std::chrono::system_clock::time_point now{seconds{784'111'777}};
  CHECK(server_wish(response(429, {{"Retry-After", "7"}}), now) == seconds{7});
  CHECK(server_wish(response(429, {{"RateLimit", "\"api\";r=0;t=9"}}), now) == seconds{9});
  CHECK(server_wish(response(429, {{"Retry-After", "7"}, {"RateLimit", "\"api\";r=0;t=9"}}), now) ==
        seconds{7});
  CHECK(server_wish(response(429, {{"Retry-After", "?"}, {"RateLimit", "\"api\";r=0;t=9"}}), now) ==
        seconds{9});
  CHECK_FALSE(server_wish(response(429), now));
  // The server's own clock counts, here a day ahead of this machine's.
  CHECK(server_wish(response(429, {{"Date", "Mon, 07 Nov 1994 08:49:37 GMT"},
                                   {"Retry-After", "Mon, 07 Nov 1994 08:49:47 GMT"}}),
                    now) == seconds{10});
}

}  // namespace
}  // namespace nai::http
