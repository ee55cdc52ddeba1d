// SPDX-License-Identifier: Apache-2.0
#include "support/mock/exchange.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>

namespace mock {

namespace {

constexpr std::size_t k_max_head_bytes = 64 * 1024;
constexpr std::size_t k_max_request_body_bytes = 1024 * 1024;
constexpr std::uint64_t k_piece_bytes = 256 * 1024;
// A shaped connection sends this many pieces a second, so that it flows instead of bursting.
constexpr std::uint64_t k_pieces_per_second = 100;
// A TLS record that announces 16 KiB and has only a few of them.
constexpr std::string_view k_half_record{"\x17\x03\x03\x40\x00half of a record", 21};

bool has_body(int status) { return status != 304 && status != 204; }

void override_headers(Headers& headers, const Fault& fault) {
  if (fault.etag) {
    headers.set("ETag", *fault.etag);
  }
  for (const auto& [name, value] : fault.headers) {
    if (value) {
      headers.set(name, *value);
    } else {
      headers.remove(name);
    }
  }
}

}  // namespace

RequestReader::Result RequestReader::next(Request& request) {
  std::size_t end = 0;
  while ((end = m_pending.find("\r\n\r\n")) == std::string::npos) {
    if (m_pending.size() > k_max_head_bytes) {
      return Result::malformed;
    }
    if (!fill()) {
      return m_pending.empty() ? Result::end : Result::malformed;
    }
  }
  std::optional<Request> parsed = parse_head(std::string_view(m_pending).substr(0, end));
  m_pending.erase(0, end + 4);
  if (!parsed || parsed->headers.has("Transfer-Encoding")) {
    return Result::malformed;
  }
  const std::string length = parsed->headers.get("Content-Length").value_or("0");
  std::size_t count = 0;
  const auto [last, error] = std::from_chars(length.data(), length.data() + length.size(), count);
  if (error != std::errc() || last != length.data() + length.size() ||
      count > k_max_request_body_bytes) {
    return Result::malformed;
  }
  while (m_pending.size() < count) {
    if (!fill()) {
      return Result::malformed;
    }
  }
  parsed->body = m_pending.substr(0, count);
  m_pending.erase(0, count);
  request = std::move(*parsed);
  return Result::request;
}

bool RequestReader::fill() {
  char buffer[8192];
  const std::size_t count = m_stream.read(buffer);
  m_pending.append(buffer, count);
  return count > 0;
}

struct ResponseWriter::Plan {
  const RequestInfo& info;
  const Fault& fault;
  std::uint64_t limit = 0;  // bytes of body to send before misbehaving
  bool stalls = false;
  bool cuts = false;
  bool chunked = false;
};

ResponseWriter::Plan ResponseWriter::make_plan(const RequestInfo& info, const Response& response,
                                               const Fault& fault) {
  const std::uint64_t total = response.body_size();
  Plan plan{.info = info, .fault = fault, .limit = total, .chunked = fault.chunked};
  const bool at_offset =
      fault.cut == Fault::Cut::inside_body || fault.cut == Fault::Cut::inside_tls_record;
  plan.cuts = fault.cut != Fault::Cut::none && (!at_offset || fault.cut_after_body_bytes <= total);
  if (at_offset && plan.cuts) {
    plan.limit = fault.cut_after_body_bytes;
  }
  if (fault.stall_after_body_bytes.value_or(total + 1) <= plan.limit) {
    plan.limit = *fault.stall_after_body_bytes;
    plan.stalls = true;
  }
  return plan;
}

ResponseWriter::Outcome ResponseWriter::write(const RequestInfo& info, Response response,
                                              const Fault& fault) {
  if (response.is_content) {
    apply_edits(response, fault.edits);
  }
  if (fault.gzip) {
    apply_gzip(response);
  }
  const Plan plan = make_plan(info, response, fault);
  if (plan.chunked) {
    response.headers.set("Transfer-Encoding", "chunked");
  } else if (has_body(response.status) && !response.headers.has("Content-Length")) {
    response.headers.set("Content-Length", std::to_string(response.body_size()));
  }
  response.headers.set("Date", http_date(m_conditions.unix_now()));
  const auto length = response.headers.get("Content-Length");
  override_headers(response.headers, fault);
  const bool lies_about_length = response.headers.get("Content-Length") != length;

  Outcome outcome;
  if (fault.cut == Fault::Cut::before_head || fault.stall_before_head) {
    misbehave(plan, fault.stall_before_head);
    return outcome;
  }
  const std::string head = render_head(response.status, response.headers);
  m_buffered = 0;
  append(head);
  if (fault.cut == Fault::Cut::inside_head) {
    m_buffered = head.size() / 2;
    flush();
    misbehave(plan, false);
    return outcome;
  }
  if (info.method != "HEAD" && !write_body(response, plan, outcome)) {
    return outcome;
  }
  outcome.complete = flush();
  outcome.reusable = outcome.complete && !lies_about_length;
  if (fault.cut == Fault::Cut::after_body) {
    misbehave(plan, false);
    outcome.reusable = false;
  }
  return outcome;
}

// False when the body ended before its time.
bool ResponseWriter::write_body(const Response& response, const Plan& plan, Outcome& outcome) {
  std::optional<Conditions::ContentAnswer> counted;
  if (response.is_content) {
    counted.emplace(m_conditions);
  }
  for (const Segment& segment : response.body) {
    for (std::uint64_t done = 0; done < segment.length && outcome.body_bytes < plan.limit;) {
      const std::uint64_t count =
          std::min({piece_limit(response, plan.fault), segment.length - done,
                    plan.limit - outcome.body_bytes});
      const Segment piece{segment.content, segment.offset + done, count};
      done += count;
      outcome.body_bytes += count;
      if (!write_piece(piece, response, plan)) {
        return false;
      }
    }
  }
  const bool ends_early = plan.stalls || (plan.cuts && plan.fault.cut != Fault::Cut::after_body);
  if (ends_early) {
    flush();
    misbehave(plan, plan.stalls);
  } else if (plan.chunked) {
    append("0\r\n\r\n");
  }
  return !ends_early;
}

// The first piece goes out together with the head. A piece counts as served even when only a part
// of it went out: the count must never be below what the client got.
bool ResponseWriter::write_piece(const Segment& piece, const Response& response, const Plan& plan) {
  const auto count = static_cast<std::size_t>(piece.length);
  if (response.is_content && !pace(count, plan.fault)) {
    return false;
  }
  if (plan.chunked) {
    append(fmt::format("{:x}\r\n", count));
  }
  piece.content.read(piece.offset, reserve(count));
  if (plan.chunked) {
    append("\r\n");
  }
  if (response.is_content) {
    m_journal.add_content_bytes(count);
  }
  return flush();
}

void ResponseWriter::misbehave(const Plan& plan, bool stall) {
  if (stall) {
    m_journal.stall(plan.info);
    m_stream.wait_for_peer_to_leave();
  } else if (plan.fault.cut == Fault::Cut::inside_tls_record) {
    m_stream.write_raw(k_half_record);
  }
  if (plan.fault.reset) {
    m_stream.reset();
  } else if (plan.fault.cut == Fault::Cut::inside_tls_record) {
    m_stream.interrupt();
  } else {
    m_stream.close();
  }
}

// Room for `count` more bytes to be sent. Never shrinks the buffer: a vector would clear what it
// grows by, again and again.
std::span<char> ResponseWriter::reserve(std::size_t count) {
  if (m_buffer.size() < m_buffered + count) {
    m_buffer.resize(m_buffered + count);
  }
  const std::span<char> room = std::span(m_buffer).subspan(m_buffered, count);
  m_buffered += count;
  return room;
}

void ResponseWriter::append(std::string_view text) {
  std::copy(text.begin(), text.end(), reserve(text.size()).begin());
}

bool ResponseWriter::flush() {
  const bool written = m_stream.write(std::span(m_buffer).first(m_buffered));
  m_buffered = 0;
  return written;
}

std::uint64_t ResponseWriter::piece_limit(const Response& response, const Fault& fault) const {
  if (!response.is_content) {
    return k_piece_bytes;
  }
  const std::uint64_t rate = fault.body_bytes_per_second.value_or(m_conditions.connection_rate());
  const std::uint64_t total = m_conditions.shaping().total_bytes_per_second;
  std::uint64_t limit = k_piece_bytes;
  for (const std::uint64_t bound : {rate, total}) {
    if (bound > 0) {
      limit = std::min(limit, std::max<std::uint64_t>(1, bound / k_pieces_per_second));
    }
  }
  return limit;
}

bool ResponseWriter::pace(std::uint64_t count, const Fault& fault) {
  const auto own =
      m_pacer.book(count, fault.body_bytes_per_second.value_or(m_conditions.connection_rate()));
  const auto all =
      m_conditions.total_pacer().book(count, m_conditions.shaping().total_bytes_per_second);
  const auto when = std::max(own, all);
  return when <= Pacer::Clock::now() || m_stream.pause_until(when);
}

}  // namespace mock
