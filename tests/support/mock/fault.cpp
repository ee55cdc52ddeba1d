// SPDX-License-Identifier: Apache-2.0
#include "support/mock/fault.hpp"

#include <algorithm>
#include <array>

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

std::uint32_t crc32_step(std::uint32_t crc) {
  for (int bit = 0; bit < 8; ++bit) {
    crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return crc;
}

std::uint32_t crc32_of(const Body& body) {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    table[i] = crc32_step(i);
  }
  std::uint32_t crc = 0xffffffffU;
  std::vector<char> buffer(65536);
  for (const Segment& segment : body) {
    for (std::uint64_t done = 0; done < segment.length;) {
      const auto count = std::min<std::uint64_t>(buffer.size(), segment.length - done);
      const auto piece = std::span(buffer).first(static_cast<std::size_t>(count));
      segment.content.read(segment.offset + done, piece);
      for (const char byte : piece) {
        crc = (crc >> 8U) ^ table[(crc ^ static_cast<unsigned char>(byte)) & 0xffU];
      }
      done += count;
    }
  }
  return ~crc;
}

std::string little_endian(std::uint64_t value, unsigned bytes) {
  std::string text;
  for (unsigned i = 0; i < bytes; ++i) {
    text += static_cast<char>((value >> (8 * i)) & 0xffU);
  }
  return text;
}

void append_bytes(Body& body, std::string bytes) {
  const std::uint64_t size = bytes.size();
  body.push_back({Content::inline_bytes(std::move(bytes)), 0, size});
}

}  // namespace

// RFC 1952 around RFC 1951, 3.2.4.
void apply_gzip(Response& response) {
  constexpr std::uint64_t k_block_bytes = 65535;
  const std::uint64_t size = size_of(response.body);
  Body body;
  append_bytes(body, std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10));
  for (std::uint64_t begin = 0; begin == 0 || begin < size; begin += k_block_bytes) {
    const std::uint64_t count = std::min(k_block_bytes, size - begin);
    const bool last = begin + count == size;
    append_bytes(body, (last ? '\1' : '\0') + little_endian(count, 2) + little_endian(~count, 2));
    append(body, slice(response.body, begin, begin + count));
  }
  append_bytes(body, little_endian(crc32_of(response.body), 4) + little_endian(size, 4));
  response.body = std::move(body);
  response.headers.set("Content-Encoding", "gzip");
}

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
