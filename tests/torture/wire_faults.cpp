// SPDX-License-Identifier: Apache-2.0
#include "torture/wire_faults.hpp"

#include <ctime>

#include <fmt/format.h>

namespace nai::torture {

namespace {

using mock::Fault;
using mock::RequestInfo;
using mock::RequestKind;
using Cut = Fault::Cut;
using EditKind = Fault::Edit::Kind;

constexpr int k_usage = 2;
constexpr int k_unauthorized = 3;
constexpr int k_not_found = 4;
constexpr int k_mismatch = 5;
constexpr int k_temporary = 75;

const std::set<RequestKind>& content() {
  static const std::set<RequestKind> k_kinds{RequestKind::content};
  return k_kinds;
}

const std::set<RequestKind>& hub() {
  static const std::set<RequestKind> k_kinds{RequestKind::commits, RequestKind::tree,
                                             RequestKind::resolve};
  return k_kinds;
}

using Faults = std::vector<WireFault>;

void add(Faults& faults, const std::string& name, const Fault& fault,
         const std::set<int>& statuses = {k_temporary}) {
  faults.push_back({name, content(), [fault](const RequestInfo&) { return fault; }, statuses});
}

void add_for_hub(Faults& faults, const std::string& name, const Fault& fault,
                 const std::set<int>& statuses = {k_temporary}) {
  faults.push_back(
      {name + " (Hub)", hub(), [fault](const RequestInfo&) { return fault; }, statuses});
}

Fault with_header(const std::string& name, const std::optional<std::string>& value) {
  Fault fault;
  fault.headers.emplace_back(name, value);
  return fault;
}

Fault answering(int status, const mock::Headers& headers = {}) {
  Fault fault;
  fault.answer = mock::text_response(status, "<html>not what you wanted</html>", "text/html");
  for (const auto& [name, value] : headers.fields()) {
    fault.answer->headers.set(name, value);
  }
  return fault;
}

void add_connection_ends(Faults& faults) {
  struct Where {
    const char* name;
    Cut cut;
    std::uint64_t after;
  };
  for (const Where& where :
       {Where{"before the head", Cut::before_head, 0},
        Where{"within the head", Cut::inside_head, 0},
        Where{"before the body", Cut::inside_body, 0}, Where{"after one byte", Cut::inside_body, 1},
        Where{"within the body", Cut::inside_body, 300'001},
        Where{"within a TLS record", Cut::inside_tls_record, 70'000}}) {
    for (const bool reset : {false, true}) {
      Fault fault{.cut = where.cut, .cut_after_body_bytes = where.after};
      fault.reset = reset;
      const auto name = fmt::format("{} {}", reset ? "reset" : "cut", where.name);
      // Each connection that brings much counts as progress, so such a run may end well; a reset
      // discards what was under way.
      add(faults, name, fault);
      add_for_hub(faults, name, fault);
    }
  }
  add(faults, "cut after the body", {.cut = Cut::after_body}, {});
  Fault chunked{.chunked = true};
  add(faults, "chunked", chunked, {});
  chunked.cut = Cut::inside_body;
  chunked.cut_after_body_bytes = 200'000;
  add(faults, "cut within a chunked body", chunked, {});
  for (const std::uint64_t after : {0U, 1000U}) {
    Fault stall;
    stall.stall_after_body_bytes = after;
    add(faults, fmt::format("stall after {} bytes", after), stall);
  }
  add(faults, "stall before the head", {.stall_before_head = true});
  add_for_hub(faults, "stall before the head", {.stall_before_head = true});
  Fault drip;
  drip.body_bytes_per_second = 1;
  add(faults, "one byte a second", drip);
}

void add_bodies(Faults& faults) {
  struct Change {
    const char* name;
    EditKind kind;
    std::uint64_t length;
  };
  for (const Change& change :
       {Change{"one byte flipped", EditKind::flip, 1}, Change{"bytes dropped", EditKind::drop, 10},
        Change{"bytes doubled", EditKind::duplicate, 4096},
        Change{"bytes exchanged", EditKind::swap, 4096}}) {
    Fault fault;
    for (std::uint64_t at = 0; at < 8; ++at) {
      fault.edits.push_back({change.kind, (at << 20U) + 12'345, change.length});
    }
    add(faults, change.name, fault, {k_mismatch});
    faults.back().once_is_enough = true;
  }
  add(faults, "gzip though identity was asked", {.gzip = true});
  Fault changed;
  changed.content = mock::Content::generated(99, 20'000'000);
  add(faults, "the content changed", changed, {k_mismatch, k_temporary});
  changed.etag = "\"another\"";
  add(faults, "the content and its ETag changed", changed, {k_mismatch, k_temporary});
  faults.push_back({"another ETag each time",
                    content(),
                    [](const RequestInfo& request) {
                      Fault fault;
                      fault.etag = fmt::format("\"{}\"", request.number);
                      return fault;
                    },
                    {k_temporary}});
}

void add_heads(Faults& faults) {
  const std::set<int> either{k_mismatch, k_temporary};
  add(faults, "200 for a range", {.ignore_range = true}, either);
  add(faults, "no Content-Range", with_header("Content-Range", std::nullopt));
  for (const char* value :
       {"bytes 1-1048576/6295777", "bytes 0-1048576/6295777", "bytes 5-2/9", "bytes 0-1048575/99",
        "bytes 0-1048575/*", "bytes */6295777", "octets 0-1048575/6295777", "bytes 0-1048575", "",
        "bytes 18446744073709551615-18446744073709551616/1"}) {
    add(faults, fmt::format("Content-Range: {}", value), with_header("Content-Range", value),
        either);
  }
  for (const char* value : {"5", "1048575", "1048577", "99999999999", "-1", "many"}) {
    add(faults, fmt::format("Content-Length: {}", value), with_header("Content-Length", value),
        either);
  }
  add(faults, "no Content-Length", with_header("Content-Length", std::nullopt), either);
  add(faults, "a head of 400 KB", with_header("X-Padding", std::string(400'000, 'x')));
  add_for_hub(faults, "a head of 400 KB", with_header("X-Padding", std::string(400'000, 'x')));
  Fault many;
  for (int i = 0; i < 20'000; ++i) {
    many.headers.emplace_back(fmt::format("X-{}", i), "x");
  }
  add(faults, "20000 header fields", many);
}

void add_statuses(Faults& faults) {
  for (const int status : {204, 304, 400, 401, 403, 404, 408, 410, 416, 418, 451}) {
    add(faults, fmt::format("status {}", status), answering(status), {k_mismatch, k_temporary});
  }
  const std::set<int> final{k_usage, k_unauthorized, k_not_found, k_temporary, k_mismatch};
  for (const int status : {400, 401, 403, 404, 408, 410, 418, 451}) {
    add_for_hub(faults, fmt::format("status {}", status), answering(status), final);
  }
  for (const int status : {500, 502, 503, 504}) {
    add(faults, fmt::format("status {}", status), answering(status));
    add_for_hub(faults, fmt::format("status {}", status), answering(status));
  }
  const std::string date = mock::http_date(std::time(nullptr) + 1);
  for (const auto& [name, value] : {std::pair<std::string, std::string>{"Retry-After", "1"},
                                    {"Retry-After", date},
                                    {"RateLimit", "\"api\";r=0;t=1"}}) {
    add(faults, "status 429, " + name, answering(429, {{name, value}}));
    faults.back().once_is_enough = true;
    add_for_hub(faults, "status 429, " + name, answering(429, {{name, value}}));
    faults.back().once_is_enough = true;
  }
  add(faults, "status 503, Retry-After", answering(503, {{"Retry-After", "1"}}));
  faults.back().once_is_enough = true;
}

void add_redirects(Faults& faults) {
  const auto to = [](const std::string& location) {
    return answering(302, {{"Location", location}});
  };
  for (const char* location : {"http://127.0.0.2:1/plain", "https://127.0.0.2:1/dead",
                               "ftp://127.0.0.2/file", "file:///etc/passwd", "https://", "//", "",
                               "javascript:alert(1)", "https://user:secret@127.0.0.2:1/"}) {
    add(faults, fmt::format("redirect to '{}'", location), to(location));
    add_for_hub(faults, fmt::format("redirect to '{}'", location), to(location));
  }
  const auto loop = [](const RequestInfo& request) {
    return answering(302, {{"Location", request.target}});
  };
  faults.push_back({"redirect to itself", content(), loop, {k_temporary}});
  faults.push_back({"redirect to itself (Hub)", hub(), loop, {k_temporary}});
  add(faults, "redirect without Location", answering(302), {k_temporary, k_mismatch});
  add_for_hub(faults, "redirect without Location", answering(302), {k_usage, k_temporary});
}

}  // namespace

const std::vector<WireFault>& wire_faults() {
  static const Faults k_faults = [] {
    Faults faults;
    add_connection_ends(faults);
    add_bodies(faults);
    add_heads(faults);
    add_statuses(faults);
    add_redirects(faults);
    return faults;
  }();
  return k_faults;
}

}  // namespace nai::torture
