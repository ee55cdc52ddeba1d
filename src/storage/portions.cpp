// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <nai/storage/journal.hpp>
#include <nai/storage/volume.hpp>
#include <nai/util/file.hpp>
#include "model_directory.hpp"

namespace nai::storage {

namespace {

using Journals = std::vector<std::filesystem::path>;

// The journals of portions in `directory`, by the name of the whole file's journal.
std::map<std::string, Journals> portion_journals(const std::filesystem::path& directory) {
  std::map<std::string, Journals> journals;
  for (const auto& path : entries_of(directory)) {
    // "<id>.journal.<shard>"
    if (const auto whole = path.stem(); whole.extension() == ".journal") {
      journals[whole.string()].push_back(path);
    }
  }
  return journals;
}

// Without its early states of the checksum: there may be blocks of another journal below them, of
// which they know nothing.
void add(JournalContent& sum, JournalContent part) {
  for (const auto& range : part.durable.ranges()) {
    sum.durable.add(range);
  }
  sum.unsynced.insert(sum.unsynced.end(), part.unsynced.begin(), part.unsynced.end());
  if (part.hasher && (!sum.hasher || sum.hasher->position() < part.hasher->position())) {
    sum.hasher = std::move(part.hasher);
  }
}

bool is_there(const std::filesystem::path& partial, const FileIdentity& file) {
  const auto status = util::stat_path(partial);
  return status && static_cast<std::uint64_t>(status->st_size) == file.size;
}

// `usable`: whether the content that they speak of is there.
void join(const std::filesystem::path& whole, const Journals& portions, const FileIdentity& file,
          bool usable) {
  JournalContent sum;
  Journals all = portions;
  all.push_back(whole);
  for (const auto& path : all) {
    if (auto loaded = Journal::load(path, file); usable && loaded.content) {
      add(sum, std::move(*loaded.content));
    }
  }
  Journal::create(whole, file, sum);
  for (const auto& path : portions) {
    static_cast<void>(::unlink(path.c_str()));
  }
}

}  // namespace

void Volume::join_portions(const std::vector<FileIdentity>& files) const {
  const auto journals = portion_journals(m_layout.work());
  for (const FileIdentity& file : files) {
    const auto whole = m_layout.journal(file.path, file.digest);
    if (const auto found = journals.find(whole.filename().string()); found != journals.end()) {
      join(whole, found->second, file, is_there(m_layout.partial(file.path, file.digest), file));
    }
  }
}

}  // namespace nai::storage
