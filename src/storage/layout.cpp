// SPDX-License-Identifier: Apache-2.0
#include <nai/storage/layout.hpp>

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include <nai/digest/block_checksum.hpp>

namespace nai::storage {

namespace {

// A file name that a person can match with the file it stands for and that no two paths share.
std::string work_name(std::string_view path) {
  constexpr std::size_t k_readable = 100;
  std::string name(path.substr(path.size() - std::min(path.size(), k_readable)));
  const auto unusual = [](char c) {
    return !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
           c != '.' && c != '-' && c != '_';
  };
  std::replace_if(name.begin(), name.end(), unusual, '_');
  return fmt::format("{}.{:016x}", name, digest::block_checksum(std::as_bytes(std::span(path))));
}

std::string work_name(std::string_view path, const digest::Digest& digest) {
  constexpr std::size_t k_telling = 16;
  return fmt::format("{}.{}", work_name(path), digest.hex().substr(0, k_telling));
}

}  // namespace

Layout::Layout(std::filesystem::path mount, std::optional<std::size_t> shard)
    : m_mount(std::move(mount)), m_shard(shard) {}

std::filesystem::path Layout::model_file(std::string_view path) const {
  return model_files() / path;
}

std::filesystem::path Layout::partial(std::string_view path, const digest::Digest& digest) const {
  return work() / (work_name(path, digest) + ".part");
}

std::filesystem::path Layout::digest_trail(std::string_view path) const {
  return digest_trails() / (work_name(path) + ".states");
}

std::filesystem::path Layout::trail_in_progress(std::string_view path,
                                                const digest::Digest& digest) const {
  return work() / (work_name(path, digest) + ".states");
}

std::filesystem::path Layout::journal(std::string_view path, const digest::Digest& digest) const {
  return work() / (work_name(path, digest) + ".journal");
}

std::filesystem::path Layout::portion_journal(std::string_view path,
                                              const digest::Digest& digest) const {
  return journal(path, digest).concat(fmt::format(".{}", m_shard.value_or(0)));
}

std::filesystem::path Layout::published_log() const {
  return work() /
         (m_shard ? fmt::format("{}.{}", k_published_log, *m_shard) : std::string(k_published_log));
}

std::filesystem::path Layout::status() const {
  return m_shard ? shards() / fmt::format("{}.status.json", *m_shard) : state() / "status.json";
}

std::filesystem::path Layout::borrowed(std::string_view path, const digest::Digest& digest) const {
  return work() / (work_name(path, digest) + ".found");
}

}  // namespace nai::storage
