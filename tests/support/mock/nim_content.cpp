// SPDX-License-Identifier: Apache-2.0
#include "support/mock/nim_content.hpp"

#include <openssl/evp.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace mock {

namespace {

constexpr std::size_t k_block = 512;

void put(std::string& header, std::size_t at, std::string_view text) {
  std::copy(text.begin(), text.end(), header.begin() + static_cast<std::ptrdiff_t>(at));
}

void put_octal(std::string& header, std::size_t at, unsigned digits, std::uint64_t value) {
  for (std::size_t i = digits; i-- > 0; value /= 8) {
    header[at + i] = static_cast<char>('0' + value % 8);
  }
}

}  // namespace

void Tar::add(const Header& what, std::string_view content) {
  std::string header(k_block, '\0');
  put(header, 0, std::string_view(what.path).substr(0, 100));
  put_octal(header, 100, 7, 0644);
  put_octal(header, 108, 7, 0);
  put_octal(header, 116, 7, 0);
  put_octal(header, 124, 11, content.size());
  put_octal(header, 136, 11, 0);
  put(header, 148, "        ");
  header[156] = what.type;
  put(header, 157, std::string_view(what.target).substr(0, 100));
  put(header, 257, std::string_view("ustar\00000", 8));
  header[482] = what.map_blocks > 0 ? '\1' : '\0';
  std::uint64_t sum = 0;
  for (const char c : header) {
    sum += static_cast<unsigned char>(c);
  }
  put_octal(header, 148, 6, sum);
  header[154] = '\0';
  m_bytes += header;
  for (int block = 1; block <= what.map_blocks; ++block) {
    std::string map(k_block, '7');
    map[504] = block < what.map_blocks ? '\1' : '\0';
    m_bytes += map;
  }
  m_bytes += content;
  m_bytes.append((k_block - content.size() % k_block) % k_block, '\0');
}

Tar& Tar::file(const std::string& path, std::string_view content) {
  add({.path = path}, content);
  return *this;
}

Tar& Tar::directory(const std::string& path) {
  add({.path = path + "/", .type = '5'}, "");
  return *this;
}

Tar& Tar::symbolic_link(const std::string& path, const std::string& target) {
  add({.path = path, .type = '2', .target = target}, "");
  return *this;
}

Tar& Tar::hard_link(const std::string& path, const std::string& target) {
  add({.path = path, .type = '1', .target = target}, "");
  return *this;
}

Tar& Tar::pax_file(const std::string& path, std::string_view content) {
  const std::string record = " path=" + path + "\n";
  std::size_t length = record.size();
  while (std::to_string(length).size() + record.size() != length) {
    length = std::to_string(length).size() + record.size();
  }
  add({.path = "PaxHeaders/0", .type = 'x'}, std::to_string(length) + record);
  add({.path = "shortened"}, content);
  return *this;
}

Tar& Tar::gnu_file(const std::string& path, std::string_view content) {
  add({.path = "././@LongLink", .type = 'L'}, path + std::string(1, '\0'));
  add({.path = "shortened"}, content);
  return *this;
}

Tar& Tar::sparse_file(const std::string& path, std::string_view content, int blocks) {
  add({.path = path, .type = 'S', .map_blocks = blocks}, content);
  return *this;
}

std::string Tar::bytes() const { return m_bytes + std::string(2 * k_block, '\0'); }

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2 failed");
  }
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) {
    throw std::runtime_error("deflate failed");
  }
  return packed;
}

std::string zstd(std::string_view bytes) {
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 1));
  return packed;
}

NimLayer gzip_layer(const Tar& tar, std::string created_by) {
  return {.content = Content::inline_bytes(gzip(tar.bytes())), .created_by = std::move(created_by)};
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string base64_of_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return base64(bytes);
}

}  // namespace mock
