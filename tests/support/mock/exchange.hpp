// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/conditions.hpp"
#include "support/mock/fault.hpp"
#include "support/mock/journal.hpp"
#include "support/mock/message.hpp"
#include "support/mock/stream.hpp"

#include <optional>
#include <vector>

namespace mock {

// Reads requests from a stream.
class RequestReader {
 public:
  explicit RequestReader(Stream& stream) : m_stream(stream) {}

  enum class Result {
    request,
    malformed,
    end,
  };
  // Blocks for a whole request, its body (at most 1 MiB, by Content-Length) included.
  Result next(Request& request);

 private:
  bool fill();

  Stream& m_stream;
  std::string m_pending;
};

// Sends answers on one connection, with their faults.
class ResponseWriter {
 public:
  ResponseWriter(Stream& stream, Journal& journal, Conditions& conditions)
      : m_stream(stream), m_journal(journal), m_conditions(conditions) {}

  struct Outcome {
    std::uint64_t body_bytes = 0;
    bool complete = false;  // the whole answer went out
    bool reusable = false;  // and the connection is good for another one
  };
  // Without the body if the request was a HEAD.
  Outcome write(const RequestInfo& info, Response response, const Fault& fault);

 private:
  struct Plan;

  static Plan make_plan(const RequestInfo& info, const Response& response, const Fault& fault);
  bool write_body(const Response& response, const Plan& plan, Outcome& outcome);
  bool write_piece(const Segment& piece, const Response& response, const Plan& plan);
  void misbehave(const Plan& plan, bool stall);
  std::uint64_t piece_limit(const Response& response, const Fault& fault) const;
  bool pace(std::uint64_t count, const Fault& fault);

  std::span<char> reserve(std::size_t count);
  void append(std::string_view text);
  bool flush();

  Stream& m_stream;
  Journal& m_journal;
  Conditions& m_conditions;
  Pacer m_pacer;
  std::vector<char> m_buffer;
  std::size_t m_buffered = 0;  // bytes at its begin that go out with the next write
};

}  // namespace mock
