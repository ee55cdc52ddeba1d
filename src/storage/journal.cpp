// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/journal.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <deque>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "discarded.hpp"

#include <nai/digest/block_checksum.hpp>
#include <nai/util/error.hpp>
#include <nai/util/json.hpp>
#include <nai/util/text.hpp>

namespace nai::storage {

namespace {

constexpr std::string_view k_magic = "nai-journal";
constexpr std::uint64_t k_version = 1;
// Limits on what is believed. A journal is made short at each sync that finds it longer than a MiB,
// a line holds at most a path or the state of a checksum, and there are as many gaps as
// connections.
constexpr std::size_t k_max_journal_bytes = std::size_t{16} << 20U;
constexpr std::size_t k_max_line_bytes = std::size_t{64} << 10U;
constexpr std::uint64_t k_max_block_bytes = std::uint64_t{16} << 20U;  // of one line
constexpr std::size_t k_max_ranges = 16'384;
constexpr std::size_t k_max_hashers = 4'096;

std::string line_checksum(std::string_view body) {
  return fmt::format("{:08x}", digest::block_checksum(std::as_bytes(std::span(body))) >> 32U);
}

std::string sealed(const std::string& body) {
  return fmt::format("{} {}\n", body, line_checksum(body));
}

// The body of a sealed line (without its line feed); empty when the seal does not fit.
std::optional<std::string_view> unsealed(std::string_view line) {
  const auto space = line.rfind(' ');
  if (space == std::string_view::npos ||
      line_checksum(line.substr(0, space)) != line.substr(space + 1)) {
    return std::nullopt;
  }
  return line.substr(0, space);
}

std::string header_line(const FileIdentity& file) {
  const nlohmann::json identity = {
      {"path", file.path}, {"size", file.size}, {"digest", file.digest.to_string()}};
  return sealed(fmt::format("{} {} {}", k_magic, k_version, identity.dump()));
}

std::string block_line(const JournaledBlock& block) {
  return sealed(
      fmt::format("w {} {} {:016x}", block.range.offset, block.range.length, block.checksum));
}

std::string durable_line(const util::ByteRange& range) {
  return sealed(fmt::format("d {} {}", range.offset, range.length));
}

std::string sync_line(std::uint64_t position, const digest::Hasher& hasher) {
  return sealed(fmt::format("s {} {}", position, hasher.save()));
}

// Why the header does not fit; empty when it does.
std::string header_problem(std::string_view body, const FileIdentity& file) {
  const auto parts = util::split(body, ' ');
  if (parts.size() < 3 || parts[0] != k_magic) {
    return "it is not a checkpoint of this program";
  }
  const auto version = util::parse_decimal(parts[1]);
  if (version != k_version) {
    return fmt::format("its format is {}, this program knows {}", parts[1], k_version);
  }
  const auto identity = util::parse_json(body.substr(k_magic.size() + parts[1].size() + 2));
  if (!identity) {
    return "its first line is damaged";
  }
  if (util::string_member(*identity, "path") != file.path) {
    return "it belongs to another file";
  }
  if (util::unsigned_member(*identity, "size") != file.size) {
    return fmt::format("it is for another size than {} bytes", file.size);
  }
  const auto digest = util::string_member(*identity, "digest").value_or("none");
  if (digest != file.digest.to_string()) {
    return fmt::format("it is for other content ({} instead of {})", util::printable(digest, 80),
                       file.digest.to_string());
  }
  return {};
}

std::optional<util::ByteRange> parse_range(std::string_view offset, std::string_view length,
                                           std::uint64_t size) {
  const auto at = util::parse_decimal(offset);
  const auto bytes = util::parse_decimal(length);
  if (!at || !bytes || *at > size || *bytes > size - *at) {
    return std::nullopt;
  }
  return util::ByteRange{*at, *bytes};
}

// Replays the lines behind the header.
class Replay {
 public:
  explicit Replay(const FileIdentity& file) : m_file(file) {}

  // False when the line makes no sense, which ends what can be believed.
  bool line(std::string_view body, std::uint64_t position) {
    const auto parts = util::split(body, ' ');
    if (parts[0] == "w" && parts.size() == 4) {
      return block(parts, position);
    }
    if (parts[0] == "d" && parts.size() == 3) {
      const auto range = parse_range(parts[1], parts[2], m_file.size);
      return range && add_durable(*range);
    }
    return parts[0] == "s" && parts.size() == 3 && sync(parts[1], parts[2]);
  }

  JournalContent take() {
    for (auto& [position, block] : m_blocks) {
      m_content.unsynced.push_back(block);
    }
    for (digest::Hasher& hasher : m_hashers) {
      place(std::move(hasher));
    }
    return std::move(m_content);
  }

 private:
  bool block(const std::vector<std::string_view>& parts, std::uint64_t position) {
    const auto range = parse_range(parts[1], parts[2], m_file.size);
    std::uint64_t checksum = 0;
    const auto [end, problem] =
        std::from_chars(parts[3].data(), parts[3].data() + parts[3].size(), checksum, 16);
    if (!range || range->length > k_max_block_bytes || problem != std::errc{} ||
        end != parts[3].data() + parts[3].size()) {
      return false;
    }
    m_blocks.emplace_back(position, JournaledBlock{*range, checksum});
    return true;
  }

  bool sync(std::string_view covered_text, std::string_view saved) {
    const auto covered = util::parse_decimal(covered_text);
    auto hasher = digest::Hasher::restore(m_file.digest.algorithm(), m_file.size, saved);
    if (!covered || !hasher) {
      return false;
    }
    for (; !m_blocks.empty() && m_blocks.front().first < *covered; m_blocks.pop_front()) {
      if (!add_durable(m_blocks.front().second.range)) {
        return false;
      }
    }
    m_hashers.push_back(*std::move(hasher));
    return m_hashers.size() <= k_max_hashers;
  }

  // A state beyond what is durable speaks of bytes that may be gone.
  void place(digest::Hasher hasher) {
    if (!m_content.durable.contains({0, hasher.position()})) {
      m_content.early_hashers.push_back(std::move(hasher));
    } else if (!m_content.hasher || m_content.hasher->position() <= hasher.position()) {
      m_content.hasher = std::move(hasher);
    }
  }

  bool add_durable(const util::ByteRange& range) {
    m_content.durable.add(range);
    return m_content.durable.ranges().size() <= k_max_ranges;
  }

  const FileIdentity& m_file;
  JournalContent m_content;
  std::deque<std::pair<std::uint64_t, JournaledBlock>> m_blocks;  // by position
  std::vector<digest::Hasher> m_hashers;
};

}  // namespace

void tell_discarded(const std::string& path, const std::string& reason, util::Log& log) {
  log.warning("checkpoint_discarded",
              fmt::format("discarding the checkpoint of {}: {}; the file is fetched from the start",
                          path, reason),
              {{"path", path}, {"reason", reason}});
}

Journal::Loaded parse_journal(std::string_view text, const FileIdentity& file) {
  Journal::Loaded loaded;
  const auto header_end = text.find('\n');
  const auto header = unsealed(text.substr(0, header_end));
  if (header_end > k_max_line_bytes || !header) {
    loaded.discarded = "its first line is damaged";
    return loaded;
  }
  loaded.discarded = header_problem(*header, file);
  if (!loaded.discarded.empty()) {
    return loaded;
  }
  Replay replay(file);
  std::uint64_t position = header_end + 1;
  while (position < text.size()) {
    const auto end = text.find('\n', position);
    if (end == std::string_view::npos || end - position > k_max_line_bytes) {
      break;
    }
    const auto body = unsealed(text.substr(position, end - position));
    if (!body || !replay.line(*body, position)) {
      break;
    }
    position = end + 1;
  }
  loaded.content = replay.take();
  return loaded;
}

Journal::Loaded Journal::load(const std::filesystem::path& path, const FileIdentity& file) {
  const auto status = util::stat_path(path);
  if (!status) {
    return {};
  }
  if (!S_ISREG(status->st_mode) ||
      static_cast<std::uint64_t>(status->st_size) > k_max_journal_bytes) {
    return {.content = {}, .discarded = "it is no file of a size that this program makes"};
  }
  const auto text = util::read_small_file(path, k_max_journal_bytes);
  return text ? parse_journal(*text, file) : Loaded{};
}

Journal::Journal(std::filesystem::path path, util::Fd fd, std::uint64_t size)
    : m_path(std::move(path)), m_fd(std::move(fd)), m_size(size) {}

std::unique_ptr<Journal> Journal::create(const std::filesystem::path& path,
                                         const FileIdentity& file, const JournalContent& content) {
  std::string text = header_line(file);
  for (const util::ByteRange& range : content.durable.ranges()) {
    text += durable_line(range);
  }
  if (content.hasher) {
    text += sync_line(text.size(), *content.hasher);
  }
  for (const JournaledBlock& block : content.unsynced) {
    text += block_line(block);
  }
  util::replace_file(path, text);
  util::Fd fd = util::open_file(path, O_WRONLY | O_NOFOLLOW);
  return std::unique_ptr<Journal>(new Journal(path, std::move(fd), text.size()));
}

void Journal::append_block(const JournaledBlock& block) {
  const std::scoped_lock lock(m_mutex);
  append(block_line(block));
}

// A sync that covers no block.
void Journal::append_hasher(const digest::Hasher& hasher) {
  const std::scoped_lock lock(m_mutex);
  append(sync_line(0, hasher));
}

std::uint64_t Journal::position() const {
  const std::scoped_lock lock(m_mutex);
  return m_size;
}

void Journal::append_sync(std::uint64_t position, const digest::Hasher& hasher) {
  const std::string line = sync_line(position, hasher);
  {
    const std::scoped_lock lock(m_mutex);
    append(line);
  }
  util::sync_data(m_fd, m_path);
}

// Writes at a position of its own instead of O_APPEND, which NFS does not have.
void Journal::append(const std::string& line) {
  util::write_all_at(m_fd, std::as_bytes(std::span(line)), m_size, m_path);
  m_size += line.size();
}

}  // namespace nai::storage
