// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nai::source {

struct TarEntry {
  enum class Type { file, directory, symbolic_link, hard_link, other };

  std::string path;  // from the root, without "./" or '/' in front or at the end
  Type type = Type::file;
  std::uint64_t size = 0;   // of the content
  std::string link_target;  // as it stands in the archive
};

// Who reads an archive.
class TarVisitor {
 public:
  virtual ~TarVisitor() = default;

  // Whether the content of the entry is wanted. Entries whose path leads out of the root never get
  // here.
  virtual bool on_entry(const TarEntry& entry) = 0;
  // The next piece of it; the last one has `last` set, and a content of nothing is one empty piece.
  // False: enough of the archive.
  virtual bool on_content(std::span<const std::byte> data, bool last) = 0;
};

// Reads a tar archive (ustar, GNU and pax) from a stream of pieces, in bounded memory. Sparse files
// and devices are passed over.
class TarReader {
 public:
  explicit TarReader(TarVisitor& visitor) : m_visitor(visitor) {}

  // False when the archive's end was reached or the visitor had enough. Throws
  // Error{content_mismatch} when it is no archive.
  bool push(std::span<const std::byte> data);

 private:
  static constexpr std::size_t k_block = 512;
  enum class Part { header, sparse_map, content, extension, padding, ended };

  bool header();
  bool content(std::span<const std::byte>& data);
  void finish_extension();
  void apply_pax();

  TarVisitor& m_visitor;
  Part m_part = Part::header;
  std::string m_block;
  std::uint64_t m_left = 0;     // of the content
  std::uint64_t m_padding = 0;  // behind it
  bool m_wanted = false;
  char m_extension_type = 0;
  std::string m_extension;
  // What extensions say of the next entry.
  std::optional<std::string> m_long_path;
  std::optional<std::string> m_long_target;
  std::optional<std::uint64_t> m_long_size;
};

// `path` from the root with "." and empty parts gone; empty when ".." leads out of it. ".." within
// is resolved.
[[nodiscard]] std::optional<std::string> normalize_path(std::string_view path);

}  // namespace nai::source
