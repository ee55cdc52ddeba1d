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
    bool complete = false;  // false: the connection is of no use any more
  };
  // Without the body if the request was a HEAD.
  Outcome write(const RequestInfo& info, Response response, const Fault& fault);

 private:
  struct Plan;

  bool write_body(const Response& response, const Plan& plan, Outcome& outcome);
  bool write_piece(const Segment& piece, const Response& response, const Plan& plan);
  void misbehave_at_end(const Plan& plan);
  std::uint64_t piece_limit(const Response& response, const Fault& fault) const;
  bool pace(std::uint64_t count, const Fault& fault);

  Stream& m_stream;
  Journal& m_journal;
  Conditions& m_conditions;
  Pacer m_pacer;
  std::vector<char> m_buffer;  // what goes out with the next write
};

}  // namespace mock
