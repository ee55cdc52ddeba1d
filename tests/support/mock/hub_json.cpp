// SPDX-License-Identifier: Apache-2.0
#include "support/mock/hub_json.hpp"

#include "support/mock/digest.hpp"

namespace mock {

namespace {

void add_last_commit(const Commit& commit, Json& entry) {
  entry["lastCommit"] = {
      {"id", commit.id}, {"title", commit.title}, {"date", "2024-09-25T17:00:57.000Z"}};
}

}  // namespace

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::ignore);
}

Json lfs_json(const File& file, const char* digest_name) {
  return {{digest_name, file.shown_id()},
          {"size", file.shown_size()},
          {"pointerSize", file.lfs_pointer().size()}};
}

Json file_json(const File& file, const Commit& commit, const EntryStyle& style) {
  Json entry = {{"type", "file"}, {"oid", file.git_oid()}, {"size", file.shown_size()}};
  if (file.lfs) {
    entry["lfs"] = lfs_json(file, "oid");
    if (style.with_xet) {
      entry["xetHash"] = style.has_access ? fake_xet_hash(file) : std::string(64, '*');
    }
  }
  entry["path"] = file.path;
  if (style.expand) {
    add_last_commit(commit, entry);
    entry["securityFileStatus"] = {{"status", "safe"}};
  }
  return entry;
}

Json directory_json(const std::string& path, const Commit& commit, const EntryStyle& style) {
  Json entry = {
      {"type", "directory"}, {"oid", sha1_hex(commit.id + path)}, {"size", 0}, {"path", path}};
  if (style.expand) {
    add_last_commit(commit, entry);
  }
  return entry;
}

std::string fake_xet_hash(const File& file) { return sha256_hex("xet " + file.shown_id()); }

bool is_true(const std::optional<std::string>& text) {
  return text == "true" || text == "True" || text == "1";
}

}  // namespace mock
