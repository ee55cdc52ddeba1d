// SPDX-License-Identifier: Apache-2.0
#include "support/mock/fault.hpp"

#include <algorithm>

namespace mock {

namespace {

using Body = std::vector<Segment>;

std::uint64_t size_of(const Body& body) {
  std::uint64_t size = 0;
  for (const Segment& segment : body) {
    size += segment.length;
  }
  return size;
}

Body slice(const Body& body, std::uint64_t begin, std::uint64_t end) {
  Body part;
  std::uint64_t position = 0;
  for (const Segment& segment : body) {
    const std::uint64_t from = std::max(begin, position);
    const std::uint64_t to = std::min(end, position + segment.length);
    if (from < to) {
      part.push_back({segment.content, segment.offset + (from - position), to - from});
    }
    position += segment.length;
  }
  return part;
}

void append(Body& body, const Body& more) { body.insert(body.end(), more.begin(), more.end()); }

Body inverted(const Body& body) {
  std::string bytes;
  for (const Segment& segment : body) {
    const std::size_t begin = bytes.size();
    bytes.resize(begin + static_cast<std::size_t>(segment.length));
    segment.content.read(segment.offset, std::span(bytes).subspan(begin));
  }
  for (char& byte : bytes) {
    byte = static_cast<char>(~byte);
  }
  const std::uint64_t size = bytes.size();
  return {{Content::inline_bytes(std::move(bytes)), 0, size}};
}

Body edited(const Body& body, const Fault::Edit& edit, std::uint64_t begin) {
  const std::uint64_t size = size_of(body);
  const std::uint64_t end = std::min(size, begin + edit.length);
  const Body stretch = slice(body, begin, end);
  Body result = slice(body, 0, begin);
  std::uint64_t resume = end;
  switch (edit.kind) {
    case Fault::Edit::Kind::flip:
      append(result, inverted(stretch));
      break;
    case Fault::Edit::Kind::drop:
      break;
    case Fault::Edit::Kind::duplicate:
      append(result, stretch);
      append(result, stretch);
      break;
    case Fault::Edit::Kind::swap:
      resume = std::min(size, end + edit.length);
      append(result, slice(body, end, resume));
      append(result, stretch);
      break;
  }
  append(result, slice(body, resume, size));
  return result;
}

}  // namespace

void apply_edits(Response& response, const std::vector<Fault::Edit>& edits) {
  const std::uint64_t size = size_of(response.body);
  for (const Fault::Edit& edit : edits) {
    if (edit.offset >= response.file_offset && edit.offset - response.file_offset < size) {
      response.body = edited(response.body, edit, edit.offset - response.file_offset);
    }
  }
  const std::uint64_t now = size_of(response.body);
  if (now < size) {
    response.body.push_back({Content::zeros(size - now), 0, size - now});
  } else {
    response.body = slice(response.body, 0, size);
  }
}

}  // namespace mock
