// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/journal.hpp"
#include "support/mock/message.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace mock {

// What goes wrong with one answer. Members combine; none set means nothing goes wrong.
struct Fault {
  // The peer sees the connection end here; an offset beyond the body has no effect. `reset` makes
  // it an RST instead of an orderly end.
  enum class Cut {
    none,
    before_head,
    inside_head,
    inside_tls_record,  // after cut_after_body_bytes (or the head), half of a record is the last
                        // thing sent
    inside_body,        // after cut_after_body_bytes
    after_body,         // after a whole answer that promised to keep the connection
  };
  Cut cut = Cut::none;
  std::uint64_t cut_after_body_bytes = 0;
  bool reset = false;

  // Sends that many body bytes, then nothing, until the peer leaves. Unset: no stall.
  std::optional<std::uint64_t> stall_after_body_bytes = std::nullopt;
  bool stall_before_head = false;

  // Sent in place of the real answer, which is not even made.
  std::optional<Response> answer = std::nullopt;
  // The real answer of this content instead: the file changed.
  std::optional<Content> content = std::nullopt;
  std::optional<std::string> etag = std::nullopt;

  // Answers as if there were no Range.
  bool ignore_range = false;
  // Headers changed after everything else was decided; a value of nothing removes the header.
  std::vector<std::pair<std::string, std::optional<std::string>>> headers = {};
  // A Content-Length that lies is followed by the connection's end.
  // No Content-Length; Transfer-Encoding: chunked.
  bool chunked = false;
  // The body comes gzipped, though nobody asked for it, with Content-Encoding: gzip.
  bool gzip = false;

  // Edits of a content body. Offsets count in the file and take effect when the body covers them.
  struct Edit {
    enum class Kind {
      flip,       // inverts `length` bytes
      drop,       // leaves `length` bytes out
      duplicate,  // sends `length` bytes twice
      swap,       // exchanges the `length` bytes with the `length` bytes after them
    };
    Kind kind = Kind::flip;
    std::uint64_t offset = 0;
    std::uint64_t length = 1;
  };
  std::vector<Edit> edits = {};

  std::chrono::milliseconds latency{0};
  std::optional<std::uint64_t> body_bytes_per_second = std::nullopt;
};

// Called once for each request, concurrently from many threads, before the answer is made.
using FaultHook = std::function<Fault(const RequestInfo&)>;

// Applies the edits to a content body. The body's size stays what it was: what an edit takes or
// adds is made up for by zeros, or cut, at the end.
void apply_edits(Response& response, const std::vector<Fault::Edit>& edits);

// Makes the body a gzip file of stored blocks. Reads it once, for the checksum.
void apply_gzip(Response& response);

}  // namespace mock
