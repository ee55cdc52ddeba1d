// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/mock/content.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mock {

// Puts a tar archive together, entry by entry, hostile ones too.
class Tar {
 public:
  Tar& file(const std::string& path, std::string_view content);
  Tar& directory(const std::string& path);
  Tar& symbolic_link(const std::string& path, const std::string& target);
  Tar& hard_link(const std::string& path, const std::string& target);
  // The same as a file whose path stands in an entry of its own before it.
  Tar& pax_file(const std::string& path, std::string_view content);
  Tar& gnu_file(const std::string& path, std::string_view content);
  // As old GNU tar wrote files with holes: with a map of `blocks` more blocks behind its header.
  Tar& sparse_file(const std::string& path, std::string_view content, int blocks);
  // With the two empty blocks at its end.
  std::string bytes() const;

 private:
  struct Header {
    std::string path;
    char type = '0';
    std::string target{};
    int map_blocks = 0;
  };
  void add(const Header& header, std::string_view content);

  std::string m_bytes;
};

std::string gzip(std::string_view bytes);
std::string zstd(std::string_view bytes);

struct NimLayer {
  Content content;
  std::string created_by = "COPY . /opt/nim";
  std::string media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip";
};

NimLayer gzip_layer(const Tar& tar, std::string created_by = "COPY . /opt/nim");

// An image of linux/amd64, the lowest layer first.
struct NimImage {
  std::string repository;
  std::string tag;
  std::vector<NimLayer> layers;
  std::map<std::string, std::string> labels{};
  std::vector<std::string> environment{};
  bool as_index = false;  // with an arm64 image and attestations beside it
  bool with_history = true;
  bool is_public = false;
};

struct NgcModelFile {
  std::string path;
  Content content;
  std::string etag{};  // as a header's value; empty: none is sent
  bool listed = true;
  std::optional<std::string> listed_sha256_base64{};
  std::optional<std::uint64_t> listed_size{};
};

// One version of a model at NGC.
struct NgcModel {
  std::string repository;  // "nim/meta/llama-3_1-8b-instruct"
  std::string version;
  std::vector<NgcModelFile> files;
};

// The hexadecimal text in base64.
std::string base64_of_hex(std::string_view hex);
std::string base64(std::string_view bytes);

}  // namespace mock
