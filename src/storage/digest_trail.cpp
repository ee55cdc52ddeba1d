// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/digest_trail.hpp>

#include <fcntl.h>

#include <algorithm>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include <nai/util/error.hpp>
#include <nai/util/file.hpp>
#include <nai/util/text.hpp>

namespace nai::storage {

namespace {

constexpr std::uint64_t k_min_spacing = std::uint64_t{16} << 20U;
constexpr std::uint64_t k_max_states = 2048;
// A state takes about 200 bytes.
constexpr std::size_t k_max_bytes = std::size_t{4} << 20U;

std::string header(const FileIdentity& file) {
  return nlohmann::ordered_json{
      {"format", 1}, {"path", file.path}, {"size", file.size}, {"digest", file.digest.to_string()}}
      .dump(-1, ' ', true);
}

std::string text_of(const FileIdentity& file, const std::vector<digest::Hasher>& states) {
  std::string text = header(file) + "\n";
  for (const auto& state : states) {
    text += state.save() + "\n";
  }
  return text;
}

std::uint64_t spacing_of(const FileIdentity& file) {
  const bool is_kept =
      file.digest.algorithm() == digest::Algorithm::sha256 && file.size >= 2 * k_min_spacing;
  return is_kept ? std::max(k_min_spacing, file.size / k_max_states) : 0;
}

}  // namespace

DigestTrail::DigestTrail(FileIdentity file)
    : m_file(std::move(file)), m_spacing(spacing_of(m_file)) {}

bool DigestTrail::is_kept_of(const FileIdentity& file) { return spacing_of(file) != 0; }

void DigestTrail::follow(const digest::Hasher& hasher) {
  const std::uint64_t last = m_states.empty() ? 0 : m_states.back().position();
  const std::uint64_t position = hasher.position();
  if (m_spacing != 0 && position >= last + m_spacing && position < m_file.size) {
    m_states.push_back(hasher);
    write_last();
  }
}

void DigestTrail::clear() { cut(0); }

void DigestTrail::cut(std::uint64_t position) {
  std::erase_if(m_states, [&](const digest::Hasher& state) { return state.position() > position; });
  m_fd = {};
}

void DigestTrail::write_to(std::filesystem::path path) {
  write_to_nothing();
  m_path = std::move(path);
}

void DigestTrail::write_to_nothing() {
  m_path.clear();
  m_fd = {};
}

void DigestTrail::write_last() {
  if (m_path.empty()) {
    return;
  }
  try {
    std::string text;
    if (m_fd) {
      text = m_states.back().save() + "\n";
    } else {
      m_fd = util::open_file(m_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
      m_written = 0;
      text = text_of(m_file, m_states);
    }
    util::write_all_at(m_fd, std::as_bytes(std::span(text)), m_written, m_path);
    m_written += text.size();
  } catch (const util::Error&) {
    write_to_nothing();
  }
}

void DigestTrail::save(const std::filesystem::path& path) const {
  if (m_states.empty()) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return;
  }
  util::make_directory(path.parent_path());
  util::replace_file(path, text_of(m_file, m_states));
}

DigestTrail DigestTrail::load(const std::filesystem::path& path, FileIdentity file) {
  DigestTrail trail(std::move(file));
  if (trail.m_spacing == 0) {
    return trail;
  }
  const auto text = util::read_small_file(path, k_max_bytes);
  if (!text) {
    return trail;
  }
  bool first = true;
  for (const auto line : util::split(*text, '\n')) {
    if (std::exchange(first, false)) {
      if (line != header(trail.m_file)) {
        return trail;
      }
      continue;
    }
    auto state = digest::Hasher::restore(trail.m_file.digest.algorithm(), trail.m_file.size, line);
    const std::uint64_t last = trail.m_states.empty() ? 0 : trail.m_states.back().position();
    if (!state || state->position() <= last || state->position() >= trail.m_file.size) {
      break;  // what lies behind is checked in one piece
    }
    trail.m_states.push_back(*std::move(state));
  }
  return trail;
}

}  // namespace nai::storage
