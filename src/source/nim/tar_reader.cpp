// SPDX-License-Identifier: Apache-2.0
#include <source/nim/tar_reader.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <nai/util/error.hpp>
#include <nai/util/text.hpp>

namespace nai::source {

namespace {

constexpr std::uint64_t k_max_extension_bytes = std::uint64_t{1} << 20U;
constexpr std::uint64_t k_max_content_bytes = std::uint64_t{1} << 43U;

// Where the fields of a header are.
struct Field {
  std::size_t offset;
  std::size_t length;
};
constexpr Field k_name{0, 100};
constexpr Field k_size{124, 12};
constexpr Field k_checksum{148, 8};
constexpr std::size_t k_type_offset = 156;
// In the header of an old GNU sparse file, and in each block of its map: another one follows.
constexpr std::size_t k_sparse_goes_on = 482;
constexpr std::size_t k_sparse_map_goes_on = 504;
constexpr Field k_link_name{157, 100};
constexpr Field k_magic{257, 5};
constexpr Field k_prefix{345, 155};

[[noreturn]] void damaged_archive(std::string_view why) {
  throw util::Error(util::ErrorKind::content_mismatch,
                    fmt::format("a layer is no tar archive: {}", why));
}

std::string_view field(std::string_view header, Field where) {
  const auto value = header.substr(where.offset, where.length);
  return value.substr(0, value.find('\0'));
}

// Octal digits, or GNU's big-endian binary where the first bit is set.
std::uint64_t number(std::string_view header, Field where) {
  constexpr unsigned k_binary_mark = 0x80;
  const auto raw = header.substr(where.offset, where.length);
  std::uint64_t value = 0;
  if ((static_cast<unsigned char>(raw.front()) & k_binary_mark) != 0) {
    for (const char c : raw.substr(raw.size() - 8)) {
      value = value << 8U | static_cast<unsigned char>(c);
    }
    return value;
  }
  for (const char c : util::trim(field(header, where))) {
    if (c < '0' || c > '7') {
      damaged_archive("a number in a header is none");
    }
    value = value << 3U | static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

void check_sum(std::string_view header) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const bool in_field = i >= k_checksum.offset && i < k_checksum.offset + k_checksum.length;
    sum += in_field ? static_cast<unsigned char>(' ') : static_cast<unsigned char>(header[i]);
  }
  if (sum != number(header, k_checksum)) {
    damaged_archive("the checksum of a header is wrong");
  }
}

std::string path_of(std::string_view header) {
  const std::string name(field(header, k_name));
  const std::string_view prefix = field(header, k_prefix);
  const bool has_prefix = field(header, k_magic) == "ustar" && header[k_magic.offset + 5] == '\0';
  return has_prefix && !prefix.empty() ? std::string(prefix) + "/" + name : name;
}

TarEntry::Type type_of(char type) {
  switch (type) {
    case '0':
    case '\0':
    case '7':
      return TarEntry::Type::file;
    case '1':
      return TarEntry::Type::hard_link;
    case '2':
      return TarEntry::Type::symbolic_link;
    case '5':
      return TarEntry::Type::directory;
    default:
      return TarEntry::Type::other;
  }
}

}  // namespace

std::optional<std::string> normalize_path(std::string_view path) {
  std::vector<std::string_view> parts;
  for (const std::string_view part : util::split(path, '/')) {
    if (part == "..") {
      if (parts.empty()) {
        return std::nullopt;
      }
      parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
  }
  std::string result;
  for (const std::string_view part : parts) {
    result += (result.empty() ? "" : "/") + std::string(part);
  }
  return result;
}

bool TarReader::push(std::span<const std::byte> data) {
  while (!data.empty() && m_part != Part::ended) {
    if (m_part == Part::header) {
      const std::size_t taken = std::min(data.size(), k_block - m_block.size());
      m_block.append(reinterpret_cast<const char*>(data.data()), taken);
      data = data.subspan(taken);
      if (m_block.size() == k_block && !header()) {
        m_part = Part::ended;
      }
    } else if (m_part == Part::sparse_map) {
      const std::size_t taken = std::min(data.size(), k_block - m_block.size());
      m_block.append(reinterpret_cast<const char*>(data.data()), taken);
      data = data.subspan(taken);
      if (m_block.size() == k_block && std::exchange(m_block, {})[k_sparse_map_goes_on] == '\0') {
        m_part = m_left > 0 ? Part::content : Part::header;
      }
    } else if (m_part == Part::padding) {
      const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(data.size(), m_padding));
      data = data.subspan(taken);
      m_padding -= taken;
      m_part = m_padding == 0 ? Part::header : Part::padding;
    } else if (!content(data)) {
      m_part = Part::ended;
    }
  }
  return m_part != Part::ended;
}

// One complete header; false at the end of the archive, or when the visitor had enough.
bool TarReader::header() {
  const std::string block = std::exchange(m_block, {});
  if (block.find_first_not_of('\0') == std::string::npos) {
    return false;
  }
  check_sum(block);
  const char type = block[k_type_offset];
  std::uint64_t size = number(block, k_size);
  const bool extension = type == 'x' || type == 'g' || type == 'L' || type == 'K';
  if (!extension && m_long_size) {
    size = *m_long_size;
  }
  if (size > (extension ? k_max_extension_bytes : k_max_content_bytes)) {
    damaged_archive("an entry is too large");
  }
  TarEntry entry{.path = {}, .type = type_of(type), .size = size, .link_target = {}};
  m_left = size;
  m_padding = (k_block - size % k_block) % k_block;
  if (extension) {
    m_extension_type = type;
    m_extension.clear();
    m_part = Part::extension;
    if (m_left == 0) {
      finish_extension();
    }
    return true;
  }
  const auto path = normalize_path(m_long_path ? *m_long_path : path_of(block));
  entry.link_target = m_long_target ? *m_long_target : std::string(field(block, k_link_name));
  m_long_path.reset();
  m_long_target.reset();
  m_long_size.reset();
  if (entry.type != TarEntry::Type::file && entry.type != TarEntry::Type::other) {
    // Links and directories have no content, whatever their size says.
    m_left = 0;
    m_padding = 0;
  }
  entry.path = path.value_or("");
  m_wanted =
      path && !path->empty() && m_visitor.on_entry(entry) && entry.type == TarEntry::Type::file;
  if (type == 'S' && block[k_sparse_goes_on] != '\0') {
    m_part = Part::sparse_map;
    return true;
  }
  if (m_left > 0) {
    m_part = Part::content;
    return true;
  }
  m_part = m_padding > 0 ? Part::padding : Part::header;
  return !m_wanted || m_visitor.on_content({}, true);
}

bool TarReader::content(std::span<const std::byte>& data) {
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(data.size(), m_left));
  const auto piece = data.first(taken);
  data = data.subspan(taken);
  m_left -= taken;
  if (m_part == Part::extension) {
    m_extension.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    if (m_left == 0) {
      finish_extension();
    }
    return true;
  }
  const bool last = m_left == 0;
  if (last) {
    m_part = m_padding > 0 ? Part::padding : Part::header;
  }
  return !m_wanted || m_visitor.on_content(piece, last);
}

void TarReader::finish_extension() {
  m_part = m_padding > 0 ? Part::padding : Part::header;
  const auto text = m_extension.substr(0, m_extension.find('\0'));
  if (m_extension_type == 'L') {
    m_long_path = text;
  } else if (m_extension_type == 'K') {
    m_long_target = text;
  } else if (m_extension_type == 'x') {
    apply_pax();
  }
}

// Records of the form "<length> <key>=<value>\n".
void TarReader::apply_pax() {
  std::string_view rest = m_extension;
  while (!rest.empty()) {
    const auto space = rest.find(' ');
    const auto length = util::parse_decimal(rest.substr(0, space));
    if (space == std::string_view::npos || !length || *length <= space + 1 ||
        *length > rest.size()) {
      damaged_archive("an extended header is malformed");
    }
    const auto record = rest.substr(space + 1, *length - space - 2);
    rest.remove_prefix(*length);
    const auto equals = record.find('=');
    const auto key = record.substr(0, equals);
    const std::string value(equals == std::string_view::npos ? "" : record.substr(equals + 1));
    if (key == "path") {
      m_long_path = value;
    } else if (key == "linkpath") {
      m_long_target = value;
    } else if (key == "size") {
      m_long_size = util::parse_decimal(value);
    }
  }
}

}  // namespace nai::source
